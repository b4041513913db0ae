package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// sourcesSecret reads the configuration of the sources.
type sourcesSecret struct {
	client *secretsmanager.Client
	id     string // ARN or name
}

// Fetch returns the secret's current value.
func (s sourcesSecret) Fetch(ctx context.Context) ([]byte, error) {
	out, err := s.client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String(s.id)})
	if err != nil {
		return nil, fmt.Errorf("get the sources' secret: %w", err)
	}
	if out.SecretString == nil {
		return nil, errors.New("the sources' secret is binary: store it as text (SecretString)")
	}
	return []byte(*out.SecretString), nil
}
