package api

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/jobhook/jobhook/shared/intake"
)

// A route's methods. HEAD goes where GET does; net/http drops its body.
type methods map[string]func(*call) error

type route struct {
	segments []string // "{}" stands for any one segment
	methods  methods
}

// call is one request on its way through a handler. What a handler returns is
// a *problem, or an error that becomes a 500.
type call struct {
	w    http.ResponseWriter
	r    *http.Request
	args []string // what the route's {} stand for, unescaped
}

// account is whose the call is: the first argument of every route that has one.
func (c *call) account() string { return c.args[0] }

// id is the endpoint's, the event's, the job's or the delivery's.
func (c *call) id() string { return c.args[1] }

func at(pattern string, m methods) route { return route{strings.Split(pattern[1:], "/"), m} }

// match works on the escaped path, so that an event id's %2F is no separator.
// http.ServeMux does so too, but answers 404 and 405 in plain text and
// redirects paths that it finds unclean.
func (rt route) match(escaped string) ([]string, bool) {
	var args []string
	rest, ok := strings.CutPrefix(escaped, "/")
	for i, want := range rt.segments {
		if !ok {
			return nil, false
		}
		var segment string
		last := i == len(rt.segments)-1
		segment, rest, ok = strings.Cut(rest, "/")
		if ok == last || want != "{}" && segment != want || segment == "" {
			return nil, false
		}
		if want == "{}" {
			plain, err := url.PathUnescape(segment)
			if err != nil {
				return nil, false
			}
			args = append(args, plain)
		}
	}
	return args, true
}

// ServeHTTP finds the call, does it, and writes what went wrong.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := s.serve(w, r); err != nil {
		s.fail(w, r, err)
	}
}

func (s *server) serve(w http.ResponseWriter, r *http.Request) error {
	if err := s.checkKey(w, r); err != nil {
		return err
	}
	path := r.URL.EscapedPath()
	for _, rt := range s.routes {
		if args, ok := rt.match(path); ok {
			return s.dispatch(rt, &call{w: w, r: r, args: args})
		}
	}
	return notFound("there is no such path; the slashes of an id are written %2F in it")
}

func (s *server) dispatch(rt route, c *call) error {
	method := c.r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	do, ok := rt.methods[method]
	if !ok {
		names := slices.Sorted(maps.Keys(rt.methods))
		if rt.methods[http.MethodGet] != nil {
			names = append(names, http.MethodHead)
		}
		allowed := strings.Join(names, ", ")
		c.w.Header().Set("Allow", allowed)
		return &problem{Status: http.StatusMethodNotAllowed, Detail: "the methods of this path are " + allowed}
	}
	if len(c.args) > 0 {
		if err := intake.CheckAccount(c.account()); err != nil {
			return fromIntake(err)
		}
	}
	return do(c)
}
