package runtimeapi

import "fmt"

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
