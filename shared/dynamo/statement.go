package dynamo

import (
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Statements have values as parameters only: their text, of which DynamoDB
// accepts 8,192 characters, depends on which attributes a record has and
// nothing else.

// insertStatement inserts a record, or is answered DuplicateItem.
func insertStatement(table string, record item) types.BatchStatementRequest {
	var pairs []string
	var values []types.AttributeValue
	for _, name := range slices.Sorted(maps.Keys(record)) {
		pairs = append(pairs, "'"+name+"': ?")
		values = append(values, record[name])
	}
	return types.BatchStatementRequest{
		Statement:  aws.String(`INSERT INTO "` + table + `" VALUE {` + strings.Join(pairs, ", ") + "}"),
		Parameters: values,
	}
}

// updateStatement gives the named attributes what record has of them, if the
// standing record has this rev and has not expired; else it is answered
// ConditionalCheckFailed.
//
// PartiQL's SET accepts a list and its REMOVE one attribute, so what record
// lacks becomes NULL, which reads as absent, and only attrSettled is removed:
// without it the record is in neither index. A record that expires at all does
// so in every version, so the condition needs no OR.
func updateStatement(table string, record item, names []string, rev string, now int64) types.BatchStatementRequest {
	var set []string
	var values []types.AttributeValue
	remove := ""
	for _, name := range names {
		value, has := record[name]
		switch {
		case has:
		case name == attrSettled:
			remove = ` REMOVE "` + name + `"`
			continue
		case name == attrRec || name == TTLAttribute: // an index and TTL accept no NULL
			continue
		default:
			value = &types.AttributeValueMemberNULL{Value: true}
		}
		set, values = append(set, `"`+name+`"=?`), append(values, value)
	}
	where := ` WHERE "` + attrPK + `"=? AND "` + attrSK + `"=? AND "` + attrRev + `"=?`
	values = append(values, record[attrPK], record[attrSK], text(rev))
	if _, expires := record[TTLAttribute]; expires {
		where += ` AND "` + TTLAttribute + `">?`
		values = append(values, numeral(now))
	}
	return types.BatchStatementRequest{
		Statement:  aws.String(`UPDATE "` + table + `" SET ` + strings.Join(set, ", ") + remove + where),
		Parameters: values,
	}
}

// sizeOfStatement is what a statement adds to its call, about.
func sizeOfStatement(s types.BatchStatementRequest) int {
	size := len(*s.Statement)
	for _, value := range s.Parameters {
		size += sizeOfValue(value)
	}
	return size
}
