// Package telemetry makes the functions' logger.
package telemetry

import (
	"io"
	"log/slog"
)

// Logger writes one JSON object a line, as CloudWatch Logs Insights reads it.
func Logger(w io.Writer, level slog.Level, function string) *slog.Logger {
	h := slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level})
	return slog.New(h).With(slog.String("function", function))
}
