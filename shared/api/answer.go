package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
)

// list is the form of every list.
type list[T any] struct {
	Data       []T     `json:"data"`
	NextCursor *string `json:"next_cursor"` // null at the end
}

func page[From, To any](items []From, next string, view func(From) To) list[To] {
	l := list[To]{Data: make([]To, 0, len(items))}
	for _, item := range items {
		l.Data = append(l.Data, view(item))
	}
	if next != "" {
		l.NextCursor = &next
	}
	return l
}

func (c *call) answer(status int, v any) error {
	write(c.w, status, "application/json", v)
	return nil
}

// write sends v. Nobody may keep an answer: it can hold a secret or a
// customer's data.
func write(w http.ResponseWriter, status int, contentType string, v any) {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false) // URLs stay readable; the content type and nosniff keep it from being HTML
	if err := enc.Encode(v); err != nil {
		panic(err) // strings, numbers and lists of them always marshal
	}
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(body.Len()))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes()) // a client that went away is nobody's fault
}
