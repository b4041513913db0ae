// Package sealing encrypts endpoints' secrets for the database: AES-256-GCM,
// bound to the endpoint, under a key derived from the sealing key's text. It is
// pure: randomness is an argument.
//
// A sealed secret reads "v1." + key id + "." + base64url(nonce, ciphertext,
// tag). The key id says which key opens it, so that keys can be rotated: seal
// with the newest, open with any that is still held.
//
// The nonce is 96 random bits. NIST SP 800-38D allows 2^32 of them under one
// key: a million rotations a year take four thousand years.
package sealing

import (
	"crypto/cipher"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// What can be wrong: match with errors.Is. No error holds a secret, a key or a
// sealed text.
var (
	ErrWeakKey    = errors.New("the sealing key is too short: give at least 32 characters")
	ErrNoKey      = errors.New("no sealing key is given")
	ErrUnknownKey = errors.New("sealed under a key that is not held (any more)")
	ErrMalformed  = errors.New("not a sealed secret")
	ErrTampered   = errors.New("sealed for another endpoint, or changed since")
)

const version = "v1"

// Owner is the endpoint that a secret belongs to. A secret sealed for one opens
// for no other: whoever can write the database cannot move it.
type Owner struct {
	Account    string
	EndpointID string
}

// Seal encrypts a secret for its owner under the first of keys. random must be
// cryptographically secure (crypto/rand.Reader).
func Seal(random io.Reader, keys []Key, owner Owner, secret string) (string, error) {
	if len(keys) == 0 {
		return "", fmt.Errorf("seal: %w", ErrNoKey)
	}
	nonce := make([]byte, keys[0].aead().NonceSize(), keys[0].aead().NonceSize()+len(secret)+keys[0].aead().Overhead())
	if _, err := io.ReadFull(random, nonce); err != nil {
		return "", fmt.Errorf("seal: %w", err)
	}
	sealed := keys[0].aead().Seal(nonce, nonce, []byte(secret), owner.bind())
	return strings.Join([]string{version, keys[0].id, base64.RawURLEncoding.EncodeToString(sealed)}, "."), nil
}

// Open decrypts what Seal made for this owner, with whichever of keys it names.
func Open(keys []Key, owner Owner, sealed string) (string, error) {
	id, raw, err := parse(sealed)
	if err != nil {
		return "", fmt.Errorf("open: %w", err)
	}
	for _, key := range keys {
		if key.id != id {
			continue
		}
		secret, err := open(key.aead(), owner, raw)
		if err != nil {
			return "", fmt.Errorf("open: %w", err)
		}
		return secret, nil
	}
	return "", fmt.Errorf("open: %w", ErrUnknownKey)
}

func open(aead cipher.AEAD, owner Owner, raw []byte) (string, error) {
	if len(raw) < aead.NonceSize()+aead.Overhead() {
		return "", ErrMalformed
	}
	secret, err := aead.Open(nil, raw[:aead.NonceSize()], raw[aead.NonceSize():], owner.bind())
	if err != nil {
		return "", ErrTampered
	}
	return string(secret), nil
}

func parse(sealed string) (keyID string, raw []byte, err error) {
	form, rest, _ := strings.Cut(sealed, ".")
	keyID, text, found := strings.Cut(rest, ".")
	if form != version || !found || keyID == "" {
		return "", nil, ErrMalformed
	}
	raw, err = base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") { // which the decoder skips
		return "", nil, ErrMalformed
	}
	return keyID, raw, nil
}

// bind is the associated data. Lengths before the names keep "ab"+"c" apart
// from "a"+"bc".
func (o Owner) bind() []byte {
	data := []byte("jobhook/sealing/" + version)
	for _, field := range []string{o.Account, o.EndpointID} {
		data = binary.BigEndian.AppendUint64(data, uint64(len(field)))
		data = append(data, field...)
	}
	return data
}
