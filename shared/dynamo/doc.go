// Package dynamo keeps endpoints, events, deliveries and notes in DynamoDB. It
// passes shared/storetest.
//
// An event and each of its deliveries is one item of at most 1 KB, when they
// are of the usual size: one write unit per record. Changes go to DynamoDB
// joined, up to 25 in one BatchExecuteStatement, each with its own condition
// (on the record's rev) and its own answer. When the SDK repeats a call whose
// answer was lost, or a statement is answered with an internal error after it
// landed, the standing record carries the write's own rev: that is a success.
//
// Nothing here scans a table: every read names its partitions. An endpoint's
// deliveries spread over 4, what is recoverable of an account over 16, and
// lists merge them.
//
// What has expired counts as gone though DynamoDB deletes it up to two days
// late.
package dynamo
