package sealing

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
)

// MinKeyText is the least length of a sealing key's text, in bytes. What
// Secrets Manager generates, 32 letters and digits, has 190 bits of chance.
const MinKeyText = 32

// Key seals and opens. However it is printed it shows as "[sealing key]".
type Key struct {
	id string
	// A function, since fmt walks into unexported fields.
	aead func() cipher.AEAD
}

// NewKey derives a key from its text, any of at least MinKeyText bytes that
// nobody can guess: HKDF-SHA256, which needs no salt for a text that is random.
func NewKey(text string) (Key, error) {
	if len(text) < MinKeyText {
		return Key{}, ErrWeakKey
	}
	key, err := derive(text, "key", 32)
	if err != nil {
		return Key{}, err
	}
	id, err := derive(text, "id", 6) // its own derivation tells nothing of the key
	if err != nil {
		return Key{}, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return Key{}, fmt.Errorf("sealing key: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return Key{}, fmt.Errorf("sealing key: %w", err)
	}
	return Key{id: hex.EncodeToString(id), aead: func() cipher.AEAD { return aead }}, nil
}

// NewKeys derives a key from each text, in their order: newest first.
func NewKeys(texts []string) ([]Key, error) {
	keys := make([]Key, 0, len(texts))
	for _, text := range texts {
		key, err := NewKey(text)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// ID names the key in what it seals.
func (k Key) ID() string { return k.id }

// Format writes "[sealing key]" for every verb.
func (Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[sealing key]") }

func derive(text, purpose string, size int) ([]byte, error) {
	derived, err := hkdf.Key(sha256.New, []byte(text), nil, "jobhook/sealing/"+version+"/"+purpose, size)
	if err != nil {
		return nil, fmt.Errorf("sealing key: %w", err)
	}
	return derived, nil
}
