package dynamo_test

import (
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/jobhook/jobhook/internal/emulators"
	"github.com/jobhook/jobhook/shared/dynamo"
	"github.com/jobhook/jobhook/shared/storetest"
	"github.com/jobhook/jobhook/shared/webhook"
)

func TestContract(t *testing.T) {
	storetest.Run(t, func(t testing.TB, now func() time.Time) webhook.Store {
		store, _ := open(t, now, nil)
		return store
	})
}

var tableSets atomic.Int64

// open makes tables of this test's own. through, if any, carries the store's
// calls, not those that make the tables.
func open(t testing.TB, now func() time.Time, through aws.HTTPClient) (*dynamo.Store, dynamo.Tables) {
	t.Helper()
	config := emulators.Config(emulators.DynamoDB(t))
	suffix := strconv.FormatInt(time.Now().UnixNano(), 36) + "-" + strconv.FormatInt(tableSets.Add(1), 10)
	tables := dynamo.Tables{Endpoints: "Endpoints-" + suffix, Deliveries: "Deliveries-" + suffix}
	admin := dynamodb.NewFromConfig(config)
	for _, definition := range dynamo.Definitions(tables) {
		if _, err := admin.CreateTable(t.Context(), definition); err != nil {
			t.Fatal(err)
		}
	}
	if through != nil {
		config.HTTPClient = through
		config.Retryer = func() aws.Retryer { // the SDK's, without its pauses
			return retry.NewStandard(func(o *retry.StandardOptions) {
				o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
			})
		}
	}
	return dynamo.New(dynamodb.NewFromConfig(config), tables, now), tables
}
