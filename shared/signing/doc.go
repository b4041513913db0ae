// Package signing signs outgoing webhooks and verifies incoming ones, both
// from one table of schemes, and knows the secrets' format and rotation.
//
// It is pure: it reads no clock and no randomness, and no error, log line or
// JSON text that comes from it holds a secret or a signature.
//
// Two kinds of keys are taken from one secret:
//
//   - Standard Webhooks (and Svix) use what the secret stands for: the decoded
//     part after "whsec_", an ed25519 key after "whsk_" or "whpk_", or, where
//     the secret has none of these forms, its own bytes.
//   - All other schemes use the bytes of the secret as the customer sees it,
//     a "whsec_" included.
//
// Sources: Standard Webhooks 1.0 (github.com/standard-webhooks), and the
// senders' own documentation for the rest; testdata/vectors.json holds vectors
// of every scheme, computed by two other implementations.
package signing
