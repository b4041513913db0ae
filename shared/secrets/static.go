package secrets

import (
	"context"
	"fmt"
	"time"
)

// Static is a source whose secrets don't change while it is used.
type Static map[string][]Version

// LocalNames are the names in the sources that FromValues and OpenFile make.
var LocalNames = Names{Signing: "signing", Sealing: "sealing"}

// FromValues makes a source under LocalNames from two values in the forms of
// ParseValue, taken from the environment, say.
func FromValues(signing, sealing string) (Static, error) {
	source := Static{}
	for name, value := range map[string]string{LocalNames.Signing: signing, LocalNames.Sealing: sealing} {
		texts, err := ParseValue(value)
		if err != nil {
			return nil, fmt.Errorf("%s secret: %w", name, err)
		}
		for _, text := range texts {
			source[name] = append(source[name], Version{Text: NewText(text)})
		}
	}
	return source, nil
}

// Versions returns a secret's versions, or ErrUnknown.
func (s Static) Versions(_ context.Context, name string, _ time.Time) ([]Version, error) {
	versions, ok := s[name]
	if !ok {
		return nil, fmt.Errorf("%q: %w", name, ErrUnknown)
	}
	return versions, nil
}
