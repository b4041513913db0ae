package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/aws-lambda-go/events"

	"github.com/jobhook/jobhook/shared/receiving"
)

// answers are what receive says to each sample.
var answers = map[string]int{
	"receive-github.json": http.StatusOK, "receive-sharpapi.json": http.StatusOK,
	"receive-tampered.json": http.StatusUnauthorized, "receive-unsigned.json": http.StatusBadRequest,
	"receive-unknown.json":       http.StatusNotFound,
	"receive-github.json, again": http.StatusOK,
}

// receive: what verifies comes onto the inbox queue as it was sent, once;
// everything else is refused and goes nowhere.
func (c *checker) receive(ctx context.Context, s sample) (string, error) {
	want, ok := answers[s.name]
	if !ok {
		return "", errors.New("receive.go does not say what receive answers to it")
	}
	body, err := c.invoke(ctx, s.function, s.body)
	if err != nil {
		return "", err
	}
	var answer events.LambdaFunctionURLResponse
	if err := json.Unmarshal(body, &answer); err != nil || answer.StatusCode != want {
		return "", fmt.Errorf("it answers %s (%w); want %d", body, err, want)
	}
	queued, err := c.w.drain(ctx, inboxQueue)
	if err != nil {
		return "", err
	}
	said := fmt.Sprintf("%d %s", answer.StatusCode, answer.Body)
	if answer.Body != `{"duplicate":false}` {
		if len(queued) != 0 {
			return "", fmt.Errorf("it answers %s and queues %s", said, queued)
		}
		return said + ", nothing queued", nil
	}
	if len(queued) != 1 {
		return "", fmt.Errorf("the inbox has %d messages; want one", len(queued))
	}
	envelope, err := sentAs(s.body, queued[0])
	return fmt.Sprintf("%s, %s has %s of %s, its body as it was sent", said, inboxQueue, envelope.ID, envelope.Source), err
}

// sentAs compares the inbox message with the request.
func sentAs(request []byte, message string) (receiving.Envelope, error) {
	var sent events.LambdaFunctionURLRequest
	var envelope receiving.Envelope
	if err := json.Unmarshal(request, &sent); err != nil {
		return envelope, err
	}
	if err := json.Unmarshal([]byte(message), &envelope); err != nil || envelope.Body == nil {
		return envelope, fmt.Errorf("the inbox has %s: %w", message, err)
	}
	if sent.IsBase64Encoded {
		raw, err := base64.StdEncoding.DecodeString(sent.Body)
		if err != nil {
			return envelope, err
		}
		sent.Body = string(raw)
	}
	if *envelope.Body != sent.Body {
		return envelope, fmt.Errorf("the inbox has the body %s; sent was %s", *envelope.Body, sent.Body)
	}
	return envelope, nil
}
