// Package embedded keeps jobhook's store and its delay queues in one file, for
// `jobhook local` and for tests. It is durable: what was answered is on disk,
// also after kill -9 or a power cut.
//
// One goroutine writes. It takes all the writes that wait, runs them in one
// transaction of the file and answers them all when that is on disk, so that
// many writers share one fsync and nobody waits for a timer.
//
// One process holds the file at a time. What another process had under way
// when it died therefore belongs to nobody: its leases count as run out and
// its messages are visible again as soon as the file is opened.
package embedded
