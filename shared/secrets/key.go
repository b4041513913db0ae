package secrets

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// MinKeyText is the least length of a sealing key's text, in bytes: 32 letters
// and digits, as Secrets Manager generates them, have 190 bits of entropy.
const MinKeyText = 32

// What can be wrong with sealed secrets and their key: match with errors.Is. No
// error holds a secret, a key or a sealed text.
var (
	ErrWeakKey    = errors.New("the sealing key is too short: give at least 32 characters that nobody can guess")
	ErrUnknownKey = errors.New("sealed under a sealing key that is no longer held")
	ErrMalformed  = errors.New("not a sealed secret")
	ErrTampered   = errors.New("sealed for another endpoint or creation time, or changed since")
)

// form is the first part of a sealed secret.
const form = "v1"

// key is what is derived of a version of the sealing key.
type key struct {
	id     string // names the key in what it seals
	hidden func() material
}

// material stays behind a function, since fmt walks into unexported fields.
type material struct {
	text string
	aead cipher.AEAD
	mark []byte // of fingerprints
}

// newKey derives a key from its text, any of at least MinKeyText bytes that
// nobody can guess: HKDF-SHA256, which needs no salt for a text that is random.
func newKey(text string) (*key, error) {
	if len(text) < MinKeyText {
		return nil, ErrWeakKey
	}
	var derived [3][]byte
	for n, part := range []struct {
		purpose string
		size    int
	}{{"key", 32}, {"id", 6}, {"fingerprint", 32}} { // each derivation tells nothing of the others
		var err error
		if derived[n], err = hkdf.Key(sha256.New, []byte(text), nil, "jobhook/sealing/v1/"+part.purpose, part.size); err != nil {
			return nil, fmt.Errorf("sealing key: %w", err)
		}
	}
	block, err := aes.NewCipher(derived[0])
	if err != nil {
		return nil, fmt.Errorf("sealing key: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("sealing key: %w", err)
	}
	m := material{text: text, aead: aead, mark: derived[2]}
	return &key{id: hex.EncodeToString(derived[1]), hidden: func() material { return m }}, nil
}

// account derives the secret of an account that is given none: HKDF-SHA256 of
// the sealing key's text without a salt, info "jobhook/account/v1", a zero byte
// and the account; 32 bytes as "whsec_" and base64. For the sealing key
// "0123456789abcdefghijklmnopqrstuv" and the account "acme" that is
// whsec_YKj6/mXox82RkCkSJMq8Q6h1eCs8V+C4licfLUwGJIc=.
func (k *key) account(account string) (string, error) {
	derived, err := hkdf.Key(sha256.New, []byte(k.hidden().text), nil, "jobhook/account/v1\x00"+account, 32)
	if err != nil {
		return "", fmt.Errorf("derive the account's secret: %w", err)
	}
	return "whsec_" + base64.StdEncoding.EncodeToString(derived), nil
}

// fingerprint tells a secret from others without telling anything of it to
// those who don't have the key: 8 hex digits of an HMAC-SHA256.
func (k *key) fingerprint(secret string) string {
	mac := hmac.New(sha256.New, k.hidden().mark)
	mac.Write([]byte(secret))
	return hex.EncodeToString(mac.Sum(nil)[:4])
}

// place is what a sealed secret is bound to: it opens nowhere else, so whoever
// can write the database can neither move it nor bring an old one back.
type place struct {
	account, endpointID string
	created             int64 // in milliseconds
}

func newPlace(account, endpointID string, created time.Time) place {
	return place{account, endpointID, created.UnixMilli()}
}

// data is the associated data. Lengths before the names keep "ab"+"c" apart
// from "a"+"bc".
func (p place) data() []byte {
	data := []byte("jobhook/sealing/v1")
	for _, field := range []string{p.account, p.endpointID} {
		data = binary.BigEndian.AppendUint64(data, uint64(len(field)))
		data = append(data, field...)
	}
	return binary.BigEndian.AppendUint64(data, uint64(p.created))
}

// seal encrypts a secret with AES-256-GCM: "v1." + key id + "." +
// base64url(nonce, ciphertext, tag). The nonce is 96 random bits, of which NIST
// SP 800-38D (section 8.3) allows 2^32 under one key: a million rotations a
// year take four thousand years.
func (k *key) seal(random io.Reader, p place, secret string) (string, error) {
	aead := k.hidden().aead
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(secret)+aead.Overhead())
	if _, err := io.ReadFull(random, nonce); err != nil {
		return "", fmt.Errorf("seal: %w", err)
	}
	sealed := aead.Seal(nonce, nonce, []byte(secret), p.data())
	return form + "." + k.id + "." + base64.RawURLEncoding.EncodeToString(sealed), nil
}

// sealedUnder is the key that a sealed secret names.
func sealedUnder(keys []*key, sealed string) (*key, error) {
	begin, rest, _ := strings.Cut(sealed, ".")
	id, _, found := strings.Cut(rest, ".")
	if begin != form || !found || id == "" {
		return nil, ErrMalformed
	}
	for _, k := range keys {
		if k.id == id {
			return k, nil
		}
	}
	return nil, ErrUnknownKey
}

// open decrypts what seal made with this key for this place.
func (k *key) open(p place, sealed string) (string, error) {
	text := strings.TrimPrefix(sealed, form+"."+k.id+".")
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	aead := k.hidden().aead
	if err != nil || strings.ContainsAny(text, "\r\n") || len(raw) < aead.NonceSize()+aead.Overhead() { // the decoder skips line ends
		return "", ErrMalformed
	}
	secret, err := aead.Open(nil, raw[:aead.NonceSize()], raw[aead.NonceSize():], p.data())
	if err != nil {
		return "", ErrTampered
	}
	return string(secret), nil
}
