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
	"path"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/jobhook/jobhook/shared/webhook"
)

// try invokes functions with their events, in order, and judges what came of each.
func (c *checker) try(ctx context.Context, samples ...sample) error {
	for _, s := range samples {
		judge := map[string]func(context.Context, sample) (string, error){
			dispatchFunction: c.dispatch, retryFunction: c.retry, receiveFunction: c.receive,
		}[s.function]
		if err := c.step(c.how(s.function)+"  "+s.name, func() (string, error) { return judge(ctx, s) }); err != nil {
			return err
		}
	}
	return nil
}

// invokeAll invokes each function with each event that is its own by sam local
// invoke, a container for each call, and some twice: what comes twice must
// change nothing.
func (c *checker) invokeAll(ctx context.Context) error {
	if err := c.world(ctx); err != nil {
		return err
	}
	c.invoke = func(ctx context.Context, function string, event []byte) ([]byte, error) {
		answer, _, err := c.sam(ctx, event, append([]string{"local", "invoke", function, "--event", "-"}, c.local()...)...)
		return []byte(answer), err
	}
	c.how = func(function string) string { return "sam local invoke " + function }
	more, err := completions(c.samples)
	if err != nil {
		return err
	}
	// A completion that comes twice comes as two messages; one that comes back is
	// the same message, whose lease may hold still.
	dispatches := of(c.samples, dispatchFunction)
	second := dispatches[0].again()
	second.body = bytes.ReplaceAll(second.body, []byte(records(second)[0].MessageId), []byte("local-again"))
	if err := c.try(ctx, append(dispatches, more, second)...); err != nil {
		return err
	}
	asked, err := c.followUp(second)
	if err != nil {
		return err
	}
	var rest []sample
	for _, s := range append(of(c.samples, retryFunction), asked) {
		rest = append(rest, s, s.again())
	}
	received := of(c.samples, receiveFunction)
	return c.try(ctx, slices.Concat(rest, received, []sample{received[0].again()})...)
}

// startLambda runs sam local start-lambda, invokes the functions through it by
// Lambda's own API, as an SDK would, and stops it.
func (c *checker) startLambda(ctx context.Context) error {
	if err := c.world(ctx); err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("find a free port: %w", err)
	}
	_ = listener.Close()
	address := listener.Addr().String()
	var stop func() error
	err = c.step("sam local start-lambda on http://"+address, func() (_ string, err error) {
		stop, err = c.serve(ctx, address)
		return "", err
	})
	if err != nil {
		return err
	}
	invocations := func(function string) string { // an application's function goes by its own name
		return "/2015-03-31/functions/" + path.Base(function) + "/invocations"
	}
	c.how = func(function string) string { return "POST " + invocations(function) }
	c.invoke = func(ctx context.Context, function string, event []byte) ([]byte, error) {
		return post(ctx, "http://"+address+invocations(function), event)
	}
	return errors.Join(c.throughServer(ctx), c.step("stopped", func() (string, error) { return "", stop() }))
}

// throughServer sends each function one event: a job of its own, the retry that
// it asks for, and a webhook that is known.
func (c *checker) throughServer(ctx context.Context) error {
	dispatch := of(c.samples, dispatchFunction)[0]
	jobs, bad := parse(dispatch)
	if len(jobs) != 1 || bad > 0 {
		return fmt.Errorf("%s has %d completions; one is needed", dispatch.name, len(jobs))
	}
	dispatch.body = bytes.ReplaceAll(dispatch.body, []byte(jobs[0].Job.ID), []byte("another-"+jobs[0].Job.ID))
	dispatch.name += ", another job"
	if err := c.try(ctx, dispatch); err != nil {
		return err
	}
	retry, err := c.followUp(dispatch)
	if err != nil {
		return err
	}
	return c.try(ctx, retry, of(c.samples, receiveFunction)[0].again())
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

// serve starts sam local start-lambda and returns once its port answers: SAM
// says nothing else that could be waited for.
func (c *checker) serve(ctx context.Context, address string) (stop func() error, err error) {
	process := c.command(ctx, append([]string{"local", "start-lambda", "--port", address[strings.LastIndex(address, ":")+1:]}, c.local()...)...)
	var said bytes.Buffer
	process.Stdout, process.Stderr = &said, &said
	if err := process.Start(); err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- process.Wait() }()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		connection, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err == nil {
			return func() error {
				_ = process.Process.Signal(syscall.SIGINT) // as Ctrl-C does: it removes its containers
				if err := <-ended; err != nil {
					return fmt.Errorf("%w\n%s", err, &said)
				}
				return nil
			}, connection.Close()
		}
		select {
		case err := <-ended:
			return nil, fmt.Errorf("it ended: %w\n%s", err, &said)
		case <-ctx.Done():
			_ = process.Process.Kill()
			return nil, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// post is Lambda's Invoke.
func post(ctx context.Context, url string, event []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, samTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(event))
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && (response.StatusCode != http.StatusOK || response.Header.Get("X-Amz-Function-Error") != "") {
		err = fmt.Errorf("%s: %s", response.Status, body)
	}
	return body, err
}
