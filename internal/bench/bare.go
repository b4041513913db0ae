package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"syscall"
	"time"

	"github.com/jobhook/jobhook/shared/signing"
)

// bareOutput is what the bare loop's process prints.
type bareOutput struct{ CPU time.Duration }

// bareLoop is the yardstick, in a process of its own: sign and POST with
// net/http and keep-alive, no queue, no record.
func bareLoop(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("bare", flag.ExitOnError)
	url := flags.String("url", "", "")
	events := flags.Int("events", 0, "")
	concurrency := flags.Int("concurrency", 0, "")
	size := flags.Int("size", 0, "")
	slow := flags.Bool("paced", false, "")
	_ = flags.Parse(args) // exits on an error
	p, err := newPoster(*url, *concurrency)
	if err != nil {
		return err
	}
	begin := cpuTime()
	call := func(ctx context.Context, i int) error {
		job := fmt.Sprintf("job-%d", i)
		return p.post(ctx, "msg_"+job, []byte(completion(*size, job)))
	}
	if *slow {
		err = paced(ctx, *events, call)
	} else {
		err = spread(ctx, *events, *concurrency, call)
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(bareOutput{CPU: cpuTime() - begin})
}

// poster signs bodies and posts them to one URL.
type poster struct {
	url    string
	client *http.Client
	scheme signing.Scheme
	secret []signing.Secret
}

func newPoster(url string, concurrency int) (*poster, error) {
	scheme, unknown := signing.Lookup("standard")
	secret, bad := signing.ParseSecret(benchSecret)
	return &poster{url: url, client: newClient(concurrency), scheme: scheme, secret: []signing.Secret{secret}}, errors.Join(unknown, bad)
}

func (p *poster) post(ctx context.Context, id string, body []byte) error {
	headers, err := signing.Sign(p.scheme, p.secret, signing.Message{ID: id, Timestamp: time.Now(), Body: body})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("make a request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	for _, h := range headers {
		req.Header[http.CanonicalHeaderKey(h.Name)] = []string{h.Value}
	}
	_, err = send(p.client, req)
	return err
}

// cpuTime is this process's.
func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // zero where the system does not say
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
