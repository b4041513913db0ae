package endpoint

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
)

// MaxPayload is what a Function URL takes: 6 MB.
const MaxPayload = 6 << 20

// Invoker runs a Lambda function on an event's JSON, many at once; a handler of
// lambda.NewHandler runs one at a time.
type Invoker interface {
	Invoke(ctx context.Context, payload []byte) ([]byte, error)
}

// HTTP serves a function at its own paths as a Function URL does. Mount it with
// http.StripPrefix("/receive", …) to have a source at /receive/{source}.
func HTTP(function Invoker) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := serve(w, r, function)
		switch {
		case err == nil:
		case errors.As(err, new(*http.MaxBytesError)):
			http.Error(w, http.StatusText(http.StatusRequestEntityTooLarge), http.StatusRequestEntityTooLarge)
		default: // what a Function URL answers when the function fails
			http.Error(w, http.StatusText(http.StatusBadGateway), http.StatusBadGateway)
		}
	})
}

func serve(w http.ResponseWriter, r *http.Request, function Invoker) error {
	event, err := Event(r, time.Now())
	if err != nil {
		return err
	}
	payload, err := json.Marshal(event)
	if err != nil {
		return fmt.Errorf("write the event: %w", err)
	}
	answer, err := function.Invoke(r.Context(), payload)
	if err != nil {
		return fmt.Errorf("invoke receive: %w", err)
	}
	var response events.LambdaFunctionURLResponse
	if err := json.Unmarshal(answer, &response); err != nil {
		return fmt.Errorf("read its answer: %w", err)
	}
	body := []byte(response.Body)
	if response.IsBase64Encoded {
		if body, err = base64.StdEncoding.DecodeString(response.Body); err != nil {
			return fmt.Errorf("decode its answer: %w", err)
		}
	}
	for name, value := range response.Headers {
		w.Header().Set(name, value)
	}
	w.WriteHeader(response.StatusCode)
	_, _ = w.Write(body) // the sender may have gone
	return nil
}

// Event makes the event that a Function URL would make of a request.
func Event(r *http.Request, at time.Time) (events.LambdaFunctionURLRequest, error) {
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, MaxPayload))
	if err != nil {
		return events.LambdaFunctionURLRequest{}, fmt.Errorf("read the request: %w", err)
	}
	ip, _, _ := net.SplitHostPort(r.RemoteAddr)
	e := events.LambdaFunctionURLRequest{
		Version: "2.0", RawPath: r.URL.Path, RawQueryString: r.URL.RawQuery,
		Headers: make(map[string]string, len(r.Header)), Body: string(body),
		RequestContext: events.LambdaFunctionURLRequestContext{
			DomainName: r.Host, Time: at.UTC().Format("02/Jan/2006:15:04:05 -0700"), TimeEpoch: at.UnixMilli(),
			HTTP: events.LambdaFunctionURLRequestContextHTTPDescription{
				Method: r.Method, Path: r.URL.Path, Protocol: r.Proto, SourceIP: ip, UserAgent: r.UserAgent(),
			},
		},
	}
	for name, values := range r.Header {
		e.Headers[strings.ToLower(name)] = strings.Join(values, ",")
	}
	if !isText(r.Header.Get("Content-Type")) || !utf8.Valid(body) {
		e.Body, e.IsBase64Encoded = base64.StdEncoding.EncodeToString(body), true
	}
	return e, nil
}

// isText is the gateway's rule: everything else comes base64-encoded, forms too.
func isText(contentType string) bool {
	media, _, _ := mime.ParseMediaType(contentType)
	switch media {
	case "application/json", "application/javascript", "application/xml":
		return true
	}
	return strings.HasPrefix(media, "text/")
}
