// Package canonjson is the one JSON reader of this module. In one pass over a
// text it checks it (RFC 8259, UTF-8, depth), finds an object's members and
// writes canonical JSON: bytes that Node's JSON.stringify(JSON.parse(text))
// leaves as they are, since some receivers compute a webhook's signature over
// that and not over the raw body.
//
// Where JavaScript cannot hold a value, the value wins and the text is not
// stable there: a number that no double holds (12345678901234567890, 1e400,
// 0.1000000000000000055511) stays as it came, and a repeated key is kept,
// though JavaScript keeps only the last.
//
// It is pure, and no error quotes the text.
package canonjson
