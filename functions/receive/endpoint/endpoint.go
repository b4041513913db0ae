// Package endpoint is receive's edge: it makes requests out of Lambda Function
// URL events, and serves the same handler over HTTP for `jobhook local`.
package endpoint

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/netip"
	"net/textproto"
	"strings"

	"github.com/aws/aws-lambda-go/events"

	"github.com/jobhook/jobhook/shared/receiving"
)

// Receiver works on one request. *receiving.Receiver is one.
type Receiver interface {
	Receive(ctx context.Context, r receiving.Request) receiving.Answer
}

// Endpoint handles Function URL events.
type Endpoint struct{ Receiver Receiver }

// Handle works on one event. It never fails: what goes wrong is in the answer's
// status, and a Lambda error would be the sender's 502.
func (e Endpoint) Handle(ctx context.Context, event events.LambdaFunctionURLRequest) (events.LambdaFunctionURLResponse, error) {
	request, ok := Request(event)
	if !ok {
		return response(receiving.Answer{
			Status: http.StatusBadRequest,
			Header: map[string]string{"Content-Type": "application/json"},
			Body:   []byte(`{"error":"body malformed"}`),
		}), nil
	}
	return response(e.Receiver.Receive(ctx, request)), nil
}

// Request reads an event (payload format 2.0). The body is the raw bytes: the
// gateway encodes what it doesn't take for text. ok is false when that encoding
// is broken.
//
// The gateway writes header names in lower case and joins a header that came
// several times with commas. The address is that of the connection: a stranger
// can write any X-Forwarded-For.
func Request(event events.LambdaFunctionURLRequest) (r receiving.Request, ok bool) {
	r = receiving.Request{
		Source: strings.TrimSuffix(strings.TrimPrefix(event.RawPath, "/"), "/"),
		Method: event.RequestContext.HTTP.Method,
		Header: make(http.Header, len(event.Headers)),
		Body:   []byte(event.Body),
	}
	if strings.Contains(r.Source, "/") { // the path's one segment it is
		r.Source = ""
	}
	for name, value := range event.Headers {
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		r.Header[canonical] = append(r.Header[canonical], value)
	}
	r.IP, _ = netip.ParseAddr(event.RequestContext.HTTP.SourceIP)
	if event.IsBase64Encoded {
		var err error
		if r.Body, err = base64.StdEncoding.DecodeString(event.Body); err != nil {
			return r, false
		}
	}
	return r, true
}

func response(a receiving.Answer) events.LambdaFunctionURLResponse {
	return events.LambdaFunctionURLResponse{StatusCode: a.Status, Headers: a.Header, Body: string(a.Body)}
}
