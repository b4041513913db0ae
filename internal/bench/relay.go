package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// relayed is an event on its way through the relay's memory.
type relayed struct {
	id   string
	body []byte
}

// relay is the limit for anything with an API, in a process of its own: HTTP
// in, answered 202 once the event is handed to a sender in memory; signed; HTTP
// out. It reads nothing of the body, keeps nothing and tries nothing again.
func relay(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("relay", flag.ExitOnError)
	url := flags.String("url", "", "")
	concurrency := flags.Int("concurrency", 0, "")
	_ = flags.Parse(args) // exits on an error
	p, err := newPoster(*url, *concurrency)
	if err != nil {
		return err
	}
	handed := make(chan relayed, *concurrency)
	senders, ctx := errgroup.WithContext(ctx)
	for range *concurrency {
		senders.Go(func() error {
			for {
				select {
				case e := <-handed:
					if err := p.post(ctx, e.id, e.body); err != nil {
						return err
					}
				case <-ctx.Done():
					return nil
				}
			}
		})
	}
	server := &http.Server{Handler: accept(handed), ReadHeaderTimeout: 5 * time.Second}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	fmt.Fprintf(os.Stderr, "relay serves http://%s, ready\n", listener.Addr())
	go func() { _ = server.Serve(listener) }() // ends with Close
	<-ctx.Done()
	_ = server.Close()
	return senders.Wait()
}

func accept(handed chan<- relayed) http.HandlerFunc {
	var last atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		e := relayed{id: "msg_" + strconv.FormatInt(last.Add(1), 10), body: body}
		select {
		case handed <- e:
		case <-r.Context().Done():
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusAccepted)
		_ = json.NewEncoder(w).Encode(map[string]string{"message_id": e.id}) // the client has gone: nobody left to tell
	}
}
