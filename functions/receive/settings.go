package main

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/caarlos0/env/v11"

	"github.com/jobhook/jobhook/shared/receiving"
)

// settings are what an operator may set, from the function's environment.
type settings struct {
	SourcesSecretID string        `env:"SOURCES_SECRET_ID,required,notEmpty"` // ARN or name
	ReceiptsTable   string        `env:"RECEIPTS_TABLE,required,notEmpty"`
	InboxQueueURL   string        `env:"INBOX_QUEUE_URL,required,notEmpty"`
	MaxBodyBytes    int           `env:"MAX_BODY_BYTES" envDefault:"1048576"`
	SecretCache     time.Duration `env:"SECRET_CACHE" envDefault:"5m"`
	LogLevel        slog.Level    `env:"LOG_LEVEL" envDefault:"INFO"`
}

// load reads them and reports all faults together.
func load() (settings, error) {
	s, err := env.ParseAs[settings]()
	if err != nil {
		return s, fmt.Errorf("settings: %w", err)
	}
	var faults []error
	if s.MaxBodyBytes < 1 || s.MaxBodyBytes > receiving.DefaultMaxBody {
		faults = append(faults, fmt.Errorf("MAX_BODY_BYTES is %d; it must be from 1 to %d, what an SQS message holds",
			s.MaxBodyBytes, receiving.DefaultMaxBody))
	}
	if s.SecretCache < time.Second || s.SecretCache > time.Hour {
		faults = append(faults, fmt.Errorf("SECRET_CACHE is %s; it must be from 1s to 1h", s.SecretCache))
	}
	if err := errors.Join(faults...); err != nil {
		return s, fmt.Errorf("settings: %w", err)
	}
	return s, nil
}
