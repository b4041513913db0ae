// Package dynamo keeps endpoints, events and deliveries in DynamoDB. It passes
// shared/storetest.
//
// A delivery that succeeds at once costs two calls and two writes: the event,
// claimed as it is inserted, and the delivery with its outcome. Every state
// moves by one conditional write on the record's rev, and a write that loses
// learns the standing record from the same answer
// (ReturnValuesOnConditionCheckFailure), so no race costs a second call. When
// the SDK repeats a write whose answer was lost, the standing record carries
// the write's own rev, and it counts as the success that it is.
//
// Nothing here scans a table: every read names its partition.
//
// What has expired counts as gone though DynamoDB deletes it up to two days
// late. Reads take the end to the nanosecond; conditions take it to the second,
// which is what TTL stores.
package dynamo
