package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/jobhook/jobhook/shared/intake"
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
	dispatch, retry, err := anotherJob(of(c.samples, dispatchFunction)[0], of(c.samples, retryFunction)[0])
	if err != nil {
		return err
	}
	receive := of(c.samples, receiveFunction)[0]
	receive.name += ", again"
	for _, step := range []struct {
		sample
		judge
	}{{dispatch, c.dispatch}, {retry, c.retry}, {receive, c.receive}} {
		began := time.Now()
		came, err := step.judge(ctx, server.invoke, step.sample)
		if err != nil {
			return fmt.Errorf("%s with %s: %w", step.function, step.name, err)
		}
		c.ok(began, "POST "+server.path(step.function)+"  "+step.name, came)
	}
	return nil
}

// anotherJob makes a completion and its retry those of a job that has not been
// delivered yet.
func anotherJob(dispatch, retry sample) (sample, sample, error) {
	old, err := parsed(dispatch)
	if err != nil {
		return sample{}, sample{}, err
	}
	dispatch.body = bytes.ReplaceAll(dispatch.body, []byte(old.Job.ID), []byte("another-"+old.Job.ID))
	job, err := parsed(dispatch)
	retry.body = bytes.ReplaceAll(retry.body, []byte(old.MessageID), []byte(job.MessageID))
	dispatch.name += ", another job"
	retry.name += ", of that job"
	return dispatch, retry, err
}

func parsed(s sample) (webhook.Event, error) {
	return intake.Parse([]byte(records(s)[0].Body), "", time.Now(), intake.Rules{})
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
