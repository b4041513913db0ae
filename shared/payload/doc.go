// Package payload makes the body of each profile, as bytes that stay the same:
// for the same content at any time, and under Node's
// JSON.stringify(JSON.parse(body)), since some receivers compute the signature
// over that and not over the raw body.
//
// Where JavaScript cannot hold a value, the value wins and the body is not
// stable there: a number that no double holds (12345678901234567890, 1e400,
// 0.1000000000000000055511) stays as it came, and a repeated key is kept,
// though JavaScript keeps only the last.
//
// It is pure: no clock, no randomness, and no error holds any of the content.
package payload
