package main

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jobhook/jobhook/shared/signing"
)

// busyPath answers 503 to the first POST of each message, so that there is
// something to retry: events/retry.json is the retry of what goes there.
const busyPath = "/webhooks/sharpapi"

// older are the profiles that sign with a header of their own besides.
var older = map[string]string{"sharpapi": "X-Signature", "unitary": "X-Hub-Signature-256", "antinium": "X-Antinium-Signature"}

// arrival is one POST that the receiver got.
type arrival struct {
	path, id, timestamp, body string
	account                   string   // whose secret verifies it; empty for an endpoint's own
	verified                  []string // headers whose signatures are good
	err                       error    // why it was refused
	status                    int      // what it was answered
}

// receiver is a customer's server: it verifies what it gets and says so.
type receiver struct {
	jobs map[string]signing.Secret // by account; of every path but those in own
	out  io.Writer

	mu       sync.Mutex
	own      map[string]signing.Secret
	busy     map[string]bool // messages that have been answered 503
	arrivals []arrival
}

func newReceiver(jobs map[string]signing.Secret, out io.Writer) *receiver {
	return &receiver{jobs: jobs, out: out, own: map[string]signing.Secret{}, busy: map[string]bool{}}
}

// knows tells the secret of a registered endpoint.
func (r *receiver) knows(path string, secret signing.Secret) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.own[path] = secret
}

// refused makes it go on as if it had answered 503 to a message.
func (r *receiver) refused(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.busy[id] = true
}

// take returns what has come since it was last asked.
func (r *receiver) take() []arrival {
	r.mu.Lock()
	defer r.mu.Unlock()
	came := r.arrivals
	r.arrivals = nil
	return came
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, 1<<20))
	if err != nil {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	a := arrival{
		path: req.URL.RequestURI(), id: req.Header.Get("Webhook-Id"),
		timestamp: req.Header.Get("Webhook-Timestamp"), body: string(body),
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	a.account, a.verified, a.err = r.verify(req, body)
	switch {
	case a.err != nil:
		a.status = http.StatusUnauthorized
	case req.URL.Path == busyPath && !r.busy[a.id]:
		r.busy[a.id] = true
		a.status = http.StatusServiceUnavailable
	default:
		a.status = http.StatusNoContent
	}
	r.arrivals = append(r.arrivals, a)
	fmt.Fprintf(r.out, "%s  %s\n", time.Now().Format("15:04:05"), a)
	w.WriteHeader(a.status)
}

// verify finds the secret that verifies every signature that is there: the
// endpoint's own, or one of the accounts'.
func (r *receiver) verify(req *http.Request, body []byte) (account string, good []string, err error) {
	if own, ok := r.own[req.URL.Path]; ok {
		good, err = verifyWith(own, req, body)
		return "", good, err
	}
	for account, secret := range r.jobs {
		if good, err = verifyWith(secret, req, body); err == nil {
			return account, good, nil
		}
	}
	return "", nil, fmt.Errorf("no account's secret verifies it: %w", err)
}

// verifyWith checks every signature that is there, the Standard Webhooks one always.
func verifyWith(secret signing.Secret, req *http.Request, body []byte) ([]string, error) {
	schemes := map[string]string{"standard": "webhook-signature"}
	for name, header := range older {
		if req.Header.Get(header) != "" {
			schemes[name] = header
		}
	}
	var good []string
	for name, header := range schemes {
		scheme, err := signing.Lookup(name)
		if err != nil {
			return nil, err
		}
		if _, err := signing.Verify(scheme, []signing.Secret{secret}, req.Header, body, time.Now(), 0); err != nil {
			return nil, fmt.Errorf("%s: %w", header, err)
		}
		good = append(good, header)
	}
	slices.Sort(good)
	return good, nil
}

// String is one line for people.
func (a arrival) String() string {
	judged := "verified " + strings.Join(a.verified, ", ")
	if a.err != nil {
		judged = "refused: " + a.err.Error()
	}
	answer := strconv.Itoa(a.status)
	if a.status == http.StatusServiceUnavailable {
		answer = "503, busy on purpose"
	}
	return fmt.Sprintf("POST %s  %s  %s  -> %s", a.path, a.id, judged, answer)
}
