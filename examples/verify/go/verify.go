// Command verify shows how to verify a webhook in Go without this module.
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// VerifyWebhook checks Standard Webhooks. body: the raw bytes (io.ReadAll of
// r.Body), never what json.Marshal makes of them.
func VerifyWebhook(secret string, header http.Header, body []byte, now time.Time) bool {
	id, timestamp := header.Get("webhook-id"), header.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || id == "" || now.Sub(time.Unix(seconds, 0)).Abs() > 5*time.Minute {
		return false
	}
	key := []byte(secret)
	if encoded, ok := strings.CutPrefix(secret, "whsec_"); ok {
		if key, err = base64.StdEncoding.DecodeString(encoded); err != nil {
			return false
		}
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	want := mac.Sum(nil)
	for part := range strings.FieldsSeq(header.Get("webhook-signature")) {
		version, value, _ := strings.Cut(part, ",")
		got, err := base64.StdEncoding.DecodeString(value)
		if err == nil && version == "v1" && hmac.Equal(got, want) {
			return true
		}
	}
	return false
}

// VerifyBody checks the older profiles, which sign the body alone: decode is
// hex.DecodeString (SharpAPI's X-Signature, X-Antinium-Signature) or
// base64.StdEncoding.DecodeString (Unitary's X-Hub-Signature-256).
func VerifyBody(secret, signature string, body []byte, decode func(string) ([]byte, error)) bool {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	got, err := decode(signature)
	return err == nil && hmac.Equal(got, mac.Sum(nil))
}
