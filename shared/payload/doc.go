// Package payload builds the body of each profile, as bytes that stay the same:
// for the same content at any time, and under Node's
// JSON.stringify(JSON.parse(body)) as far as canonjson says.
//
// It is pure: no clock, no randomness, and no error holds any of the content.
package payload
