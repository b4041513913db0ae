package storetest

import (
	"reflect"
	"slices"
	"testing"
)

// TestSamplesSetEveryField: a field that no sample sets is a field that no
// store is known to keep.
func TestSamplesSetEveryField(t *testing.T) {
	for _, c := range []struct {
		sample any
		except []string
	}{
		{sampleEvent(1), nil},
		{sampleDelivery(sampleEvent(1), endpointID(1)), nil},
		{sampleEndpoint(1), []string{"Health", "RemovedAt", "ExpiresAt"}},
		{sampleHealth(), nil},
		{sampleNote(1), nil},
	} {
		for field, value := range reflect.ValueOf(c.sample).Fields() {
			if value.IsZero() != slices.Contains(c.except, field.Name) {
				t.Errorf("%T.%s: zero is %v", c.sample, field.Name, value.IsZero())
			}
		}
	}
}
