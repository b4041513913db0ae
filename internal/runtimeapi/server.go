package runtimeapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// maxResponse is Lambda's limit on a synchronous answer: 6 MB.
const maxResponse = 6 << 20

func (p *process) routes() http.Handler {
	const root = "/2018-06-01/runtime"
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+root+"/invocation/next", p.next)
	mux.HandleFunc("POST "+root+"/invocation/{id}/response", p.response)
	mux.HandleFunc("POST "+root+"/invocation/{id}/error", p.failure)
	mux.HandleFunc("POST "+root+"/init/error", p.initFailure)
	return mux
}

// next answers with an invocation as soon as there is one.
func (p *process) next(w http.ResponseWriter, r *http.Request) {
	p.readyOnce.Do(func() { close(p.ready) })
	select {
	case i := <-p.pending:
		p.mu.Lock()
		p.current = i
		p.mu.Unlock()
		header := w.Header()
		header.Set("Content-Type", "application/json")
		header.Set("Lambda-Runtime-Aws-Request-Id", i.id)
		header.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(i.deadline.UnixMilli(), 10))
		header.Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:123456789012:function:"+p.options.Name)
		header.Set("Lambda-Runtime-Trace-Id", "Root=1-00000000-000000000000000000000000;Sampled=0")
		_, _ = w.Write(i.payload) // a process that has gone shows in invoke
	case <-r.Context().Done():
	}
}

func (p *process) response(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxResponse))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		err = &FunctionError{Type: "Function.ResponseSizeTooLarge", Message: "the answer is over 6 MB"}
		p.finish(w, r, http.StatusRequestEntityTooLarge, result{err: err})
		return
	}
	if err != nil { // it died while it wrote: no answer
		return
	}
	p.finish(w, r, http.StatusAccepted, result{response: body})
}

func (p *process) failure(w http.ResponseWriter, r *http.Request) {
	if told, ok := readError(w, r); ok {
		p.finish(w, r, http.StatusAccepted, result{err: told})
	}
}

// finish gives the invocation of the request's id its result, once.
func (p *process) finish(w http.ResponseWriter, r *http.Request, status int, outcome result) {
	p.mu.Lock()
	i := p.current
	if i == nil || i.id != r.PathValue("id") {
		p.mu.Unlock()
		http.Error(w, `{"errorType":"InvalidRequestID","errorMessage":"no such invocation"}`, http.StatusBadRequest)
		return
	}
	p.current = nil
	p.mu.Unlock()
	w.WriteHeader(status)
	i.result <- outcome
}

func (p *process) initFailure(w http.ResponseWriter, r *http.Request) {
	if told, ok := readError(w, r); ok {
		p.mu.Lock()
		p.initError = &InitError{Type: told.Type, Message: told.Message}
		p.mu.Unlock()
		w.WriteHeader(http.StatusAccepted)
	}
}

// readError reads the report of an error, or answers that it cannot.
func readError(w http.ResponseWriter, r *http.Request) (told *FunctionError, ok bool) {
	err := json.NewDecoder(io.LimitReader(r.Body, maxResponse)).Decode(&told)
	if err != nil {
		http.Error(w, "read the error's report: "+err.Error(), http.StatusBadRequest)
	}
	return told, err == nil && told != nil
}

// FunctionError is what the handler returned, or panicked with, as Lambda tells
// its caller.
type FunctionError struct {
	Type    string `json:"errorType"`    // the Go type's name: "errorString"
	Message string `json:"errorMessage"` // the error's text
}

func (e *FunctionError) Error() string {
	return fmt.Sprintf("the function failed: %s: %s", e.Type, e.Message)
}

// InitError is a process that gave up before it asked for work: by the init/error
// call, or by ending.
type InitError struct {
	Type, Message string
}

func (e *InitError) Error() string {
	return fmt.Sprintf("the function did not start: %s: %s", e.Type, e.Message)
}

// ExitError is a process that died while it had an invocation: Lambda's
// Runtime.ExitError.
type ExitError struct {
	Status string // "signal: killed", "exit status 2"
}

func (e *ExitError) Error() string {
	return "the function's process ended: " + e.Status
}
