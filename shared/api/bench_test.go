package api_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/jobhook/jobhook/shared/api"
)

// BenchmarkPublish is the API's own part of a publish of 1 KB: without the
// connection and without the store.
func BenchmarkPublish(b *testing.B) {
	handler := api.New(api.Deps{Store: broken{}, Publisher: publisher(func(context.Context) {}), Key: "key"})
	body := fmt.Sprintf(`{"id":"bf68","status":"success","type":"content_translate","result":{"text":%q}}`, strings.Repeat("x", 900))
	reader := strings.NewReader(body)
	req := httptest.NewRequest(http.MethodPost, "/v1/accounts/acme/events", reader)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer key")
	b.ReportAllocs()
	for b.Loop() {
		reader.Reset(body)
		rec := httptest.NewRecorder()
		handler.ServeHTTP(rec, req)
		if rec.Code != http.StatusAccepted {
			b.Fatal(rec.Code, rec.Body)
		}
	}
}
