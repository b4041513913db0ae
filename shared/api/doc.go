// Package api is jobhook's HTTP API: publish a completion, manage endpoints,
// look at events and deliveries. It is a plain [net/http.Handler]; `jobhook
// local` and the console function serve the same one. docs/api.md shows every
// call with a real answer.
//
// What holds for every call:
//
//   - An error is an RFC 9457 problem. A 400 names the field and what would be
//     right, and nothing has been stored. A 500 says nothing but an id, under
//     which the log has the cause.
//   - A secret is in the answer that created it, and in no other, nor in a log
//     line or an error.
//   - POST and PATCH take JSON with a JSON content type only. That keeps web
//     pages out, whose simple cross-site requests have another or none; on a
//     loopback address [LoopbackOnly] does so for every method.
package api
