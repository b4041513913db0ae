package dynamo

import (
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

// How many partitions share a list. A partition takes 1,000 writes a second,
// and one whose sort key only grows cannot be split.
const (
	logShards         = 4
	failingShards     = 4
	recoverableShards = 16
)

// key names an item. A map of keys finds duplicates.
type key struct{ table, partition, sort string }

// keyNames are the key attributes of a table.
func (s *Store) keyNames(table string) (partition, sort string) {
	if table == s.tables.Endpoints {
		return attrAccount, attrEndpointID
	}
	return attrPK, attrSK
}

func (s *Store) item(k key) item {
	partition, sort := s.keyNames(k.table)
	return item{partition: text(k.partition), sort: text(k.sort)}
}

func (s *Store) keyOf(table string, i item) key {
	partition, sort := s.keyNames(table)
	return key{table, i.text(partition), i.text(sort)}
}

// eventPrefix begins the sort key of every event: the partition is its job's.
const eventPrefix = "e#"

// eventKey is where an event lies. ok is false for what is no message id.
func (s *Store) eventKey(messageID string) (k key, ok bool) {
	job, event, ok := webhook.SplitMessageID(messageID)
	return key{s.tables.Deliveries, job, eventPrefix + event}, ok
}

// deliveryKey is where a delivery lies. "#" parts the halves: accounts and
// endpoint ids have none by their own rules, and escape makes sure of it.
func (s *Store) deliveryKey(k webhook.DeliveryKey) key {
	return key{
		s.tables.Deliveries,
		shard(logPrefix(k.Account, k.EndpointID), k.MessageID, logShards),
		stamp(k.AcceptedAt) + "#" + k.MessageID,
	}
}

func logPrefix(account, endpointID string) string {
	return escape.Replace(account) + "#" + escape.Replace(endpointID)
}

var (
	escape   = strings.NewReplacer("%", "%25", "#", "%23")
	unescape = strings.NewReplacer("%25", "%", "%23", "#")
)

// readDeliveryKey is deliveryKey read backwards.
func readDeliveryKey(pk, sk string) (webhook.DeliveryKey, error) {
	parts := strings.Split(pk, "#")
	accepted, messageID, ok := strings.Cut(sk, "#")
	if len(parts) != 3 || !ok {
		return webhook.DeliveryKey{}, fmt.Errorf("%.60q / %.80q is not the key of a delivery", pk, sk)
	}
	at, err := readStamp(accepted)
	return webhook.DeliveryKey{Account: unescape.Replace(parts[0]), EndpointID: unescape.Replace(parts[1]), MessageID: messageID, AcceptedAt: at}, err
}

func (s *Store) endpointKey(account, id string) key { return key{s.tables.Endpoints, account, id} }

// noteKey cannot meet a delivery's key: no endpoint's id is a note's kind.
func (s *Store) noteKey(kind webhook.NoteKind, owner, id string) key {
	return key{s.tables.Deliveries, "x#" + string(kind) + "#" + owner, id}
}

// shard is the one of the n partitions of a list in which id lies.
func shard(prefix, id string, n uint32) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id)) // a hash accepts everything
	return prefix + "#" + strconv.Itoa(int(h.Sum32()%n))
}

// shards are all of them.
func shards(prefix string, n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = prefix + "#" + strconv.Itoa(i)
	}
	return names
}

// stampForm has a fixed width, so that strings of it sort as the times do.
const stampForm = "20060102T150405.000Z"

// stamp is a time in a key: in UTC, to the millisecond. Empty for the zero time.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(stampForm)
}

func readStamp(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(stampForm, s)
	if err != nil {
		return time.Time{}, errors.New("a time in a key is not of the form " + stampForm)
	}
	return t, nil
}
