package receiving

import (
	"fmt"
	"strings"
)

// Problem is one mistake in the configuration.
type Problem struct {
	Path string // "sources.stripe.secrets[0]"
	Text string // what is wrong and what would be right; never a secret
}

func (p Problem) String() string { return p.Path + ": " + p.Text }

// ConfigError lists every mistake in the configuration, in the order of the text.
type ConfigError struct{ Problems []Problem }

func (e *ConfigError) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return fmt.Sprintf("sources configuration: %d problem(s): %s", len(lines), strings.Join(lines, "; "))
}

// problems collects them while reading goes on.
type problems struct{ found []Problem }

func (p *problems) add(path, format string, args ...any) {
	p.found = append(p.found, Problem{path, fmt.Sprintf(format, args...)})
}

func (p *problems) err() error {
	if len(p.found) == 0 {
		return nil
	}
	return &ConfigError{p.found}
}
