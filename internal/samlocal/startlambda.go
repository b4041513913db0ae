package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/jobhook/jobhook/shared/webhook"
)

// startLambda runs sam local start-lambda, invokes the functions through it by
// Lambda's own API, as an SDK would, and stops it.
func (c *checker) startLambda(ctx context.Context) error {
	if err := c.world(ctx); err != nil {
		return err
	}
	began := time.Now()
	server, err := c.serve(ctx)
	if err != nil {
		return err
	}
	c.ok(began, "sam local start-lambda on "+server.url, "")
	err = c.throughServer(ctx, server)
	began = time.Now()
	if err = errors.Join(err, server.stop()); err == nil {
		c.ok(began, "stopped", "")
	}
	return err
}

func (c *checker) throughServer(ctx context.Context, server *lambdaServer) error {
	step := func(s sample, judged judge) error {
		began := time.Now()
		came, err := judged(ctx, server.invoke, s)
		if err != nil {
			return fmt.Errorf("%s with %s: %w", s.function, s.name, err)
		}
		c.ok(began, "POST "+server.path(s.function)+"  "+s.name, came)
		return nil
	}
	dispatch := of(c.samples, dispatchFunction)[0]
	jobs, bad := parse(dispatch)
	if len(jobs) != 1 || bad > 0 {
		return fmt.Errorf("%s has %d completions; one is needed", dispatch.name, len(jobs))
	}
	old := []byte(jobs[0].Job.ID)
	dispatch.body = bytes.ReplaceAll(dispatch.body, old, append([]byte("another-"), old...))
	dispatch.name += ", another job"
	if err := step(dispatch, c.dispatch); err != nil {
		return err
	}
	retry, err := c.followUp(dispatch)
	if err != nil {
		return err
	}
	if err := step(retry, c.retry); err != nil {
		return err
	}
	receive := of(c.samples, receiveFunction)[0]
	receive.name += ", again"
	return step(receive, c.receive)
}

// followUp is the event of the retry that a dispatch asked for.
func (c *checker) followUp(dispatch sample) (sample, error) {
	jobs, _ := parse(dispatch)
	for _, asked := range c.asked {
		if asked.MessageID != jobs[0].MessageID {
			continue
		}
		body, err := json.Marshal(events.SQSEvent{Records: []events.SQSMessage{{
			MessageId: "local-retry", ReceiptHandle: "local-retry", Body: string(webhook.Encode(asked)), EventSource: "aws:sqs",
			Attributes: map[string]string{"ApproximateReceiveCount": "1"},
		}}})
		return sample{"the retry that it asked for", body, retryFunction}, err
	}
	return sample{}, fmt.Errorf("%s asked for no retry", dispatch.name)
}

type lambdaServer struct {
	url  string
	stop func() error
}

func (c *checker) serve(ctx context.Context) (*lambdaServer, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("find a free port: %w", err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	_ = listener.Close()
	process := c.command(ctx, append([]string{"local", "start-lambda", "--port", port}, c.local()...)...)
	var said bytes.Buffer
	process.Stdout, process.Stderr = &said, &said
	if err := process.Start(); err != nil {
		return nil, fmt.Errorf("sam local start-lambda: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- process.Wait() }()
	s := &lambdaServer{url: "http://127.0.0.1:" + port, stop: func() error {
		_ = process.Process.Signal(syscall.SIGINT) // as Ctrl-C does: it removes its containers
		err := <-ended
		if err != nil {
			err = fmt.Errorf("sam local start-lambda: %w\n%s", err, &said)
		}
		return err
	}}
	if err := s.await(ctx, ended); err != nil {
		_ = process.Process.Kill()
		return nil, fmt.Errorf("sam local start-lambda: %w", err)
	}
	return s, nil
}

// await returns once the port answers: SAM says no other word that could be waited for.
func (s *lambdaServer) await(ctx context.Context, ended <-chan error) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		connection, err := new(net.Dialer).DialContext(ctx, "tcp", strings.TrimPrefix(s.url, "http://"))
		if err == nil {
			return connection.Close()
		}
		select {
		case err := <-ended:
			return fmt.Errorf("it ended: %w", err)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// path is that of Lambda's Invoke. An application's function goes by its own name.
func (s *lambdaServer) path(function string) string {
	return "/2015-03-31/functions/" + url.PathEscape(function[strings.LastIndex(function, "/")+1:]) + "/invocations"
}

func (s *lambdaServer) invoke(ctx context.Context, function string, event []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, samTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+s.path(function), bytes.NewReader(event))
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("invoke: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && (response.StatusCode != http.StatusOK || response.Header.Get("X-Amz-Function-Error") != "") {
		err = fmt.Errorf("invoke: %s: %s", response.Status, body)
	}
	return body, err
}
