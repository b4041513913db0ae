//go:build rehearse

package rehearse_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// receiver is the customers' endpoints, on loopback. A path says what it
// answers: /fails/2/x answers 500 twice and then 200, /gone/1/x 500 once and
// then 410, /down/x 500 until heal is called.
type receiver struct {
	*httptest.Server

	mu    sync.Mutex
	posts map[string][]post // by path
	well  bool
}

type post struct {
	header http.Header
	body   []byte
}

func newReceiver(t testing.TB) *receiver {
	t.Helper()
	r := &receiver{posts: map[string][]post{}}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return
	}
	path := request.URL.Path
	r.mu.Lock()
	r.posts[path] = append(r.posts[path], post{request.Header, body})
	n, well := len(r.posts[path]), r.well
	r.mu.Unlock()
	w.WriteHeader(answerOf(path, n, well))
}

func answerOf(path string, n int, well bool) int {
	var fails int
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	if len(parts) == 3 {
		_, _ = fmt.Sscan(parts[1], &fails) // a test's own path
	}
	switch {
	case parts[0] == "down" && !well, n <= fails:
		return http.StatusInternalServerError
	case parts[0] == "gone":
		return http.StatusGone
	}
	return http.StatusOK
}

func (r *receiver) heal() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.well = true
}

func (r *receiver) to(path string) []post {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]post(nil), r.posts[path]...)
}
