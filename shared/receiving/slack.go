package receiving

import "encoding/json"

// challengeOf returns the text that Slack wants back when an Events API URL is
// set: {"type":"url_verification","challenge":"…"}. It is answered only after
// the signature, and never queued.
// Source: https://docs.slack.dev/reference/events/url_verification
func challengeOf(s Source, body []byte) (string, bool) {
	if s.Scheme.Name() != "slack" {
		return "", false
	}
	var v struct{ Type, Challenge string }
	if json.Unmarshal(body, &v) != nil || v.Type != "url_verification" {
		return "", false
	}
	return v.Challenge, true
}
