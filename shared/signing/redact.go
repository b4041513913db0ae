package signing

import (
	"fmt"
	"io"
)

const redacted = "[secret]"

// Format writes "[secret]" for every verb, %x and %p included.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText returns "[secret]"; encoding/json and slog's handlers use it.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
