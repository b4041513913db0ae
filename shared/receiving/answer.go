package receiving

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// Answer is what the sender gets.
type Answer struct {
	Status int
	Header map[string]string
	Body   []byte // JSON
}

func jsonAnswer(status int, v any) Answer {
	body, err := json.Marshal(v)
	if err != nil { // strings and bools always marshal
		panic(err)
	}
	return Answer{status, map[string]string{"Content-Type": "application/json", "Cache-Control": "no-store"}, body}
}

func received(duplicate bool) Answer {
	return jsonAnswer(http.StatusOK, map[string]bool{"duplicate": duplicate})
}

func refused(r *Refusal) Answer {
	a := jsonAnswer(r.Status, map[string]string{"error": r.Reason})
	if r.Status == http.StatusMethodNotAllowed {
		a.Header["Allow"] = http.MethodPost
	}
	return a
}

// comeAgain is 503: every sender tries again after one, which not all do after
// a 409. Retry-After is in whole seconds, at least one.
func comeAgain(reason string, after time.Duration) Answer {
	a := jsonAnswer(http.StatusServiceUnavailable, map[string]string{"error": reason})
	seconds := max(1, int64((after+time.Second-1)/time.Second))
	a.Header["Retry-After"] = strconv.FormatInt(seconds, 10)
	return a
}
