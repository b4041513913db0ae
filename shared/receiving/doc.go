// Package receiving is the other end: it verifies an incoming webhook, drops
// duplicates, puts it on the inbox queue and answers.
//
// What is decided from the request alone (Judge, the inbox message, the
// sources' configuration) is pure. Receiver adds the order of the writes:
//
//	claim the receipt, with a lease → send to the inbox → complete the receipt
//
// A crash before the send loses nothing: the sender has no 2xx and comes
// again. A crash between the send and the completion may queue the webhook
// twice, once the lease is over: both messages carry the same dedup_id.
package receiving
