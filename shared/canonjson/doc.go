// Package canonjson is the one JSON reader of this module. In one pass over a
// text it checks it (RFC 8259, UTF-8, depth), finds an object's members and
// writes canonical JSON: bytes that Node's JSON.stringify(JSON.parse(text))
// leaves as they are, since some receivers compute a webhook's signature over
// that and not over the raw body.
//
// Where JavaScript cannot hold a value, the value wins and the text is not
// stable there: a number that no double holds (12345678901234567890, 1e400,
// 0.1000000000000000055511) stays as it came, and a repeated key is kept,
// though JavaScript keeps only the last.
//
// It is pure, and no error quotes the text.
package canonjson

import (
	"errors"
	"fmt"
)

// What can be wrong with a JSON text: match with errors.Is.
var (
	ErrSyntax = errors.New("not JSON")
	ErrUTF8   = errors.New("not valid UTF-8")
	ErrDepth  = fmt.Errorf("nested deeper than %d", MaxDepth)
	ErrObject = errors.New("not an object") // JSON, but of another kind; of Each alone
)

// Error says where a JSON text is wrong. It holds nothing of the text.
type Error struct {
	Kind   error  // ErrSyntax, ErrUTF8, ErrDepth or ErrObject
	Offset int    // of the invalid byte; the length of the text when it ends too soon
	Want   string // what would be right there; "" where Kind says it
}

func (e *Error) Error() string {
	if e.Want == "" {
		return fmt.Sprintf("%v at byte %d", e.Kind, e.Offset)
	}
	return fmt.Sprintf("%v at byte %d: %s is needed there", e.Kind, e.Offset, e.Want)
}

// Unwrap returns the kind.
func (e *Error) Unwrap() error { return e.Kind }

func (w *writer) syntax(offset int, want string) error { return &Error{ErrSyntax, offset, want} }
