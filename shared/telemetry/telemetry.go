// Package telemetry makes the functions' logger. In Lambda the lines that say
// what happened are CloudWatch metrics as well.
package telemetry

import (
	"io"
	"log/slog"
	"os"
)

// Logger writes one JSON object a line, as CloudWatch Logs Insights reads it.
// Inside Lambda, which names the function in AWS_LAMBDA_FUNCTION_NAME, it adds
// the metrics of docs/operations.md to the lines that carry them.
func Logger(w io.Writer, level slog.Level, function string) *slog.Logger {
	var h slog.Handler = slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level})
	if name := os.Getenv("AWS_LAMBDA_FUNCTION_NAME"); name != "" {
		h = Metrics(w, level, name)
	}
	return slog.New(h).With(slog.String("function", function))
}
