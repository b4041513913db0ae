package dynamo

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"golang.org/x/sync/errgroup"

	"github.com/jobhook/jobhook/shared/webhook"
)

const (
	// MaxPage is the most that one page of a list holds; a higher limit counts as
	// this one. BatchGetItem reads no more at once.
	MaxPage = maxKeys
	// listCalls bounds how many calls one page makes to a partition while it
	// looks for what a filter seldom lets through; the next page goes on there.
	listCalls = 8
	// listGrowth makes each call's limit larger than the one before: what is
	// common costs little, what is rare few calls.
	listGrowth  = 4
	listLargest = 5000 // about 1 MB, the most in one answer

	markBytes   = 8
	maxPosition = 1000 // bytes of a cursor, but for its mark
)

// list is the rows of some partitions of a table or an index, merged by rank:
// the value of the sort key, by which each partition is ordered already.
type list struct {
	table, index string // no index: the table itself, read consistently
	partition    string // name of the partition key
	partitions   []string
	rank         string // name of the sort key
	low, high    string // bounds of the rank, inclusive; empty: none
	descending   bool
	id           func(item) string // orders rows of one rank; nil where a rank has one row
	filter       string            // may use values; see names
	values       item
	mark         string
	limit        int
}

// page reads the rows that follow the cursor, and the cursor of what follows
// them. It may be shorter than the limit though more follow.
func (s *Store) page(ctx context.Context, l list, cursor string) ([]item, string, error) {
	after, err := readCursor(l.mark, cursor)
	if err != nil {
		return nil, "", err
	}
	l.limit = min(max(l.limit, 1), MaxPage)
	switch {
	case after.rank == "":
	case l.descending && (l.high == "" || after.rank < l.high):
		l.high = after.rank
	case !l.descending && after.rank > l.low:
		l.low = after.rank
	}
	if l.high != "" && l.low > l.high {
		return nil, "", nil
	}
	parts := make([]part, len(l.partitions))
	reads, inner := errgroup.WithContext(ctx)
	for i, partition := range l.partitions {
		reads.Go(func() (err error) {
			parts[i], err = s.readPart(inner, l, partition, after)
			return err
		})
	}
	if err := reads.Wait(); err != nil {
		return nil, "", fmt.Errorf("query: %w", err)
	}
	rows, next := l.merge(parts)
	if next.rank == "" {
		return rows, "", nil
	}
	return rows, writeCursor(l.mark, next), nil
}

// pageOf is page with its rows decoded.
func pageOf[T any](ctx context.Context, s *Store, l list, cursor string, decode func(item) (T, error)) ([]T, string, error) {
	rows, next, err := s.page(ctx, l, cursor)
	page := make([]T, len(rows))
	for i, row := range rows {
		if err == nil {
			page[i], err = decode(row)
		}
	}
	if err != nil {
		return nil, "", err
	}
	return page, next, nil
}

// part is what was read of a partition: rows, and the rank at which reading
// stopped, so that more of that rank may follow. No edge: it was read to its end.
type part struct {
	rows []item
	edge string
}

// readPart reads a partition's rows after a position: more than the limit
// before its edge, if there are so many.
func (s *Store) readPart(ctx context.Context, l list, partition string, after position) (part, error) {
	in := s.query(l, partition)
	size := l.limit + 2 // one tells whether more follow, one closes the last rank
	var p part
	for call := 1; ; call++ {
		in.Limit = aws.Int32(int32(size))
		out, err := s.api.Query(ctx, in)
		if err != nil {
			return part{}, err
		}
		for _, row := range out.Items {
			if after.rank == "" || l.compare(l.position(row), after) > 0 {
				p.rows = append(p.rows, row)
			}
		}
		if len(out.LastEvaluatedKey) == 0 {
			p.edge = ""
			return p, nil
		}
		p.edge = item(out.LastEvaluatedKey).text(l.rank)
		// An edge where reading began would be the same cursor once more: so
		// many rows of one rank are read to their end.
		if len(l.closed(p.rows, p.edge)) > l.limit || call >= listCalls && p.edge != after.rank {
			return p, nil
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
		size = min(size*listGrowth, listLargest)
	}
}

func (s *Store) query(l list, partition string) *dynamodb.QueryInput {
	in := &dynamodb.QueryInput{
		TableName:                 aws.String(l.table),
		ExpressionAttributeValues: item{":partition": text(partition), ":now": numeral(s.now().Unix())},
		ScanIndexForward:          aws.Bool(!l.descending),
		ConsistentRead:            aws.Bool(l.index == ""),
	}
	if l.index != "" {
		in.IndexName = aws.String(l.index)
	}
	condition := "#" + l.partition + " = :partition"
	switch { // DynamoDB accepts one condition on the sort key
	case l.low != "" && l.high != "":
		condition += " AND #" + l.rank + " BETWEEN :low AND :high"
	case l.low != "":
		condition += " AND #" + l.rank + " >= :low"
	case l.high != "":
		condition += " AND #" + l.rank + " <= :high"
	}
	for name, bound := range map[string]string{":low": l.low, ":high": l.high} {
		if bound != "" {
			in.ExpressionAttributeValues[name] = text(bound)
		}
	}
	filter := "(attribute_not_exists(#x) OR #x > :now)" // always so in an index without TTLAttribute
	if l.filter != "" {
		filter += " AND " + l.filter
	}
	in.KeyConditionExpression, in.FilterExpression = aws.String(condition), aws.String(filter)
	in.ExpressionAttributeNames = names(condition, filter)
	maps.Copy(in.ExpressionAttributeValues, l.values)
	return in
}

func (l list) position(row item) position {
	p := position{rank: row.text(l.rank), id: "="}
	if l.id != nil {
		p.id = l.id(row)
	}
	return p
}

// compare orders positions as the list does: rows of one rank by id.
func (l list) compare(a, b position) int {
	if l.descending {
		return cmp.Or(cmp.Compare(b.rank, a.rank), cmp.Compare(a.id, b.id))
	}
	return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.id, b.id))
}

// closed are the rows before an edge: none that is unread can come among them.
func (l list) closed(rows []item, edge string) []item {
	if edge == "" {
		return rows
	}
	end := len(rows)
	for end > 0 && l.compare(position{rank: rows[end-1].text(l.rank)}, position{rank: edge}) >= 0 {
		end--
	}
	return rows[:end]
}

// merge puts the parts' rows into one order, up to the first edge.
func (l list) merge(parts []part) (rows []item, next position) {
	for _, p := range parts {
		if edge := (position{rank: p.edge}); p.edge != "" && (next.rank == "" || l.compare(edge, next) < 0) {
			next = edge
		}
	}
	for _, p := range parts {
		rows = append(rows, l.closed(p.rows, next.rank)...)
	}
	slices.SortFunc(rows, func(a, b item) int { return l.compare(l.position(a), l.position(b)) })
	if len(rows) > l.limit {
		rows = rows[:l.limit]
		next = l.position(rows[l.limit-1])
	}
	return rows, next
}

// position is a place in a list: after the row with this rank and id. An id
// that is empty comes before all rows of the rank; no rank is the list's start.
type position struct{ rank, id string }

// mark tells lists apart: its fields are the kind of the list, its owner and
// its filters.
func mark(list ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(list, "\x00")))
	return string(sum[:markBytes])
}

// writeCursor makes a cursor: base64 of its list's mark, the rank, a zero byte
// and the id.
func writeCursor(mark string, p position) string {
	return base64.RawURLEncoding.EncodeToString([]byte(mark + p.rank + "\x00" + p.id))
}

func readCursor(mark, cursor string) (position, error) {
	if cursor == "" {
		return position{}, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	rest, ours := strings.CutPrefix(string(raw), mark)
	rank, id, whole := strings.Cut(rest, "\x00")
	if err != nil || !ours || !whole || rank == "" || len(rest) > maxPosition || !utf8.ValidString(rest) {
		return position{}, fmt.Errorf("%.40q: %w", cursor, webhook.ErrCursor)
	}
	return position{rank, id}, nil
}
