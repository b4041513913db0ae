package demo

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/jobhook/jobhook/internal/local"
	"github.com/jobhook/jobhook/shared/signing"
)

// receiver is a customer's server: it verifies what it gets and says so.
type receiver struct {
	url   string
	out   io.Writer
	paths http.ServeMux
	close func() error
}

func newReceiver(out io.Writer) (*receiver, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the receiver: %w", err)
	}
	r := &receiver{url: "http://" + listener.Addr().String(), out: out}
	server := &http.Server{Handler: &r.paths, ReadHeaderTimeout: 5 * time.Second}
	r.close = server.Close
	go func() { _ = server.Serve(listener) }() // ends with close
	return r, nil
}

// serve answers on a path: 503 for the first failures, then 204 to what verifies.
func (r *receiver) serve(path, profile, secret string, failures int32) {
	var left atomic.Int32
	left.Store(failures)
	r.paths.HandleFunc(path, func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, 1<<20))
		if err != nil {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		if left.Add(-1) >= 0 {
			r.say(path, "busy on purpose, answers 503")
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		if err := check(profile, secret, req.Header, body); err != nil {
			r.say(path, "signature refused: "+err.Error())
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		r.say(path, fmt.Sprintf("%s signature verified  %s", profile, body))
		w.WriteHeader(http.StatusNoContent)
	})
}

func check(profile, secret string, header http.Header, body []byte) error {
	scheme, err := signing.Lookup(profile)
	if err != nil {
		return err
	}
	key, err := scheme.ParseSecret(secret)
	if err != nil {
		return err
	}
	_, err = signing.Verify(scheme, []signing.Secret{key}, header, body, time.Now(), 0)
	return err
}

func (r *receiver) say(path, text string) {
	fmt.Fprintf(r.out, "%s    receiver %s: %s\n", time.Now().Format("15:04:05"), path, local.Printable(text))
}
