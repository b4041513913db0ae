package main

import (
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/signing"
)

const body = `{"id":"job-1"}`

func newSecret(t *testing.T) signing.Secret {
	t.Helper()
	secret, err := signing.GenerateSecret(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

func signed(t *testing.T, path, id string, secret signing.Secret, schemes ...string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(body))
	for _, name := range append(schemes, "standard") {
		scheme, err := signing.Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		headers, err := signing.Sign(scheme, []signing.Secret{secret}, signing.Message{ID: id, Timestamp: time.Now(), Body: []byte(body)})
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range headers {
			r.Header.Set(h.Name, h.Value)
		}
	}
	return r
}

func TestReceiverVerifies(t *testing.T) {
	stack, acme, own := newSecret(t), newSecret(t), newSecret(t)
	r := newReceiver(map[string]signing.Secret{"default": stack, "acme": acme}, io.Discard)
	r.knows(samplePath, own)
	r.refused("msg_5")
	answer := func(req *http.Request) int {
		w := httptest.NewRecorder()
		r.ServeHTTP(w, req)
		return w.Code
	}
	tampered := signed(t, "/job", "msg_1", stack)
	tampered.Body = io.NopCloser(strings.NewReader(body + " "))
	wrong := signed(t, "/job", "msg_1", stack)
	wrong.Header.Set("X-Signature", strings.Repeat("0", 64))
	for i, step := range []struct {
		request *http.Request
		want    int
	}{
		{signed(t, "/job?a=1", "msg_1", stack), 204},
		{signed(t, "/job", "msg_1", own), 401},
		{signed(t, samplePath, "msg_1", own), 204},
		{signed(t, samplePath, "msg_1", stack), 401},
		{tampered, 401},
		{wrong, 401},
		{signed(t, busyPath, "msg_2", stack, "sharpapi"), 503},
		{signed(t, busyPath, "msg_2", stack, "sharpapi"), 204},
		{signed(t, busyPath, "msg_3", stack, "sharpapi"), 503},
		{signed(t, "/job", "msg_4", acme, "unitary"), 204},
		{signed(t, samplePath, "msg_4", acme), 401},
		{signed(t, busyPath, "msg_5", acme, "sharpapi"), 204},
	} {
		if got := answer(step.request); got != step.want {
			t.Errorf("step %d: %d; want %d", i, got, step.want)
		}
	}
	came := r.take()
	if len(came) != 12 || came[0].path != "/job?a=1" || fmt.Sprint(came[6].verified) != "[X-Signature webhook-signature]" {
		t.Errorf("it noted %v", came)
	}
	for n, account := range map[int]string{0: "default", 2: "", 6: "default", 9: "acme", 11: "acme"} {
		if came[n].account != account {
			t.Errorf("step %d was signed for %q; want %q", n, came[n].account, account)
		}
	}
	if len(r.take()) != 0 {
		t.Error("what was taken is still there")
	}
}
