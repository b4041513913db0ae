package signing

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Bounds of what is signed.
const (
	// MaxIDLength bounds a message's id, in bytes.
	MaxIDLength = 256
	// MaxValid is how many secrets can be valid at once: each adds a signature
	// to the header (92 bytes at most), and receivers bound how many they read:
	// this package MaxSignatures, and MaxPairs of ed25519.
	MaxValid = 8
)

// Message is what is sent: the bytes of Body are both signed and posted.
type Message struct {
	ID        string    // printable ASCII without space and '.', the same at every attempt
	Timestamp time.Time // of this attempt; sent in whole Unix seconds
	Body      []byte
}

// Header is one header to set; Name is in canonical form, and a request has
// each name once.
type Header struct{ Name, Value string }

var standard = table[0]

// Sign returns the headers of a message. secrets are all that are valid now,
// newest first.
//
// The profiles (standard, sharpapi, unitary, antinium) carry Webhook-Id,
// Webhook-Timestamp and Webhook-Signature, with a signature of every secret.
// The older profiles' own header has one value and so is signed with the
// newest secret alone: during a rotation its receiver must know the new secret
// first. The other schemes get the headers that their senders set; that is for
// trying out a receiver.
//
// It fails when there is no secret, when one cannot sign (see CheckSecret), or
// when the message's id or timestamp cannot be sent.
func Sign(scheme Scheme, secrets []Secret, m Message) ([]Header, error) {
	err := checkID(m.ID)
	if err == nil && m.Timestamp.Unix() <= 0 {
		err = errors.New("the message has no timestamp")
	}
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	if err := checkAll(scheme, secrets); err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	var buf [maxPrefix]byte
	c := call{scratch: buf[:0], timestamp: strconv.FormatInt(m.Timestamp.Unix(), 10), m: m}
	headers := make([]Header, 0, 4)
	if scheme.sends {
		headers = c.appendList(headers, standard, secrets)
	}
	switch {
	case scheme.form == formSingle:
		headers = c.appendSingle(headers, scheme, secrets[0])
	case scheme.form == formStripe:
		headers = c.appendStripe(headers, scheme, secrets)
	case !scheme.sends:
		headers = c.appendList(headers, scheme, secrets)
	}
	return headers, nil
}

// maxPrefix holds every prefix of signed content and most signature headers.
const maxPrefix = MaxIDLength + 32

// call is the work on one message.
type call struct {
	scratch   []byte
	timestamp string
	m         Message
}

func (c *call) appendList(headers []Header, s Scheme, secrets []Secret) []Header {
	prefix := s.appendPrefix(c.scratch, c.m.ID, c.timestamp)
	value := make([]byte, 0, 96*len(secrets)) // a v1a signature has 92 characters, a v1 47
	for i, secret := range secrets {
		if i > 0 {
			value = append(value, ' ')
		}
		if secret.asymmetric() {
			signed := slices.Concat(prefix, c.m.Body)
			value = base64.StdEncoding.AppendEncode(append(value, "v1a,"...), ed25519.Sign(secret.hidden().private, signed))
			continue
		}
		var mac [32]byte
		value = base64.StdEncoding.AppendEncode(append(value, "v1,"...), s.mac(secret).sum(mac[:0], prefix, c.m.Body))
	}
	return append(headers,
		Header{s.id, c.m.ID}, Header{s.timestamp, c.timestamp}, Header{s.signature, string(value)})
}

func (c *call) appendSingle(headers []Header, s Scheme, newest Secret) []Header {
	var mac [32]byte
	var buf [80]byte
	sum, value := s.mac(newest).sum(mac[:0], s.appendPrefix(c.scratch, c.m.ID, c.timestamp), c.m.Body), append(buf[:0], s.prefix...)
	if s.hex {
		value = hex.AppendEncode(value, sum)
	} else {
		value = base64.StdEncoding.AppendEncode(value, sum)
	}
	if s.id != "" {
		headers = append(headers, Header{s.id, c.m.ID})
	}
	if s.timestamp != "" {
		headers = append(headers, Header{s.timestamp, c.timestamp})
	}
	return append(headers, Header{s.signature, string(value)})
}

func (c *call) appendStripe(headers []Header, s Scheme, secrets []Secret) []Header {
	prefix := s.appendPrefix(c.scratch, c.m.ID, c.timestamp)
	value := append([]byte("t="), c.timestamp...)
	for _, secret := range secrets {
		var mac [32]byte
		value = hex.AppendEncode(append(value, ",v1="...), s.mac(secret).sum(mac[:0], prefix, c.m.Body))
	}
	return append(headers, Header{s.signature, string(value)})
}

func checkAll(scheme Scheme, secrets []Secret) error {
	if len(secrets) == 0 {
		return CheckSecret(scheme, Secret{})
	}
	if len(secrets) > MaxValid {
		return fmt.Errorf("%d secrets: at most %d can be valid at once", len(secrets), MaxValid)
	}
	for i, secret := range secrets {
		s := scheme
		if i > 0 && scheme.sends { // the older ones sign the standard header alone
			s = standard
		}
		if err := CheckSecret(s, secret); err != nil {
			return err
		}
	}
	return nil
}

// checkID holds the rule for ids that are part of what is signed: a '.' would
// let one message be read as another (Standard Webhooks 1.0).
func checkID(id string) error {
	if id == "" || len(id) > MaxIDLength {
		return fmt.Errorf("an id has 1 to %d characters: this one has %d", MaxIDLength, len(id))
	}
	for i := range len(id) {
		if c := id[i]; c <= ' ' || c > '~' || c == '.' {
			return errors.New("an id is printable ASCII without space and full stop")
		}
	}
	return nil
}
