package sender

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// One payload of 1 KB with the headers of a delivery. Compare the two:
//
//	go test -run '^$' -bench . -cpu 2 ./shared/sender
func benchRequest(url string) Request {
	return Request{URL: url + "/hook", Body: []byte(`{"a":"` + strings.Repeat("a", 1015) + `"}`), Header: http.Header{
		"Content-Type": {"application/json"}, "User-Agent": {"jobhook"}, "Webhook-Id": {"msg_p5jXN8AQM9LWM0D4loKWxJek"},
		"Webhook-Timestamp": {"1614265330"}, "Webhook-Signature": {"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
	}}
}

func receiver(b *testing.B) string {
	return serve(b, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		io.WriteString(w, "ok")
	}).URL
}

func BenchmarkSend(b *testing.B) {
	s := local(b, Config{Timeout: 10 * time.Second})
	r := benchRequest(receiver(b))
	parallel(b, func() error {
		a, err := s.Send(context.Background(), r)
		if err == nil && !a.Delivered() {
			b.Errorf("%+v", a)
		}
		return err
	})
}

func BenchmarkBareLoop(b *testing.B) {
	c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	b.Cleanup(c.CloseIdleConnections)
	r := benchRequest(receiver(b))
	parallel(b, func() error {
		req, err := http.NewRequest("POST", r.URL, bytes.NewReader(r.Body))
		if err != nil {
			return err
		}
		req.Header = r.Header
		res, err := c.Do(req)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		_, err = io.Copy(io.Discard, res.Body)
		return err
	})
}

func parallel(b *testing.B, f func() error) {
	b.ReportAllocs()
	b.SetParallelism(16) // 32 at once on 2 cores
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := f(); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "sends/s")
}
