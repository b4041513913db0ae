package main

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"
)

// main is how examples_test.go runs it.
func main() {
	body, err := io.ReadAll(os.Stdin)
	if err != nil {
		panic(err)
	}
	args := os.Args[1:]
	if args[0] != "standard" {
		fmt.Fprintln(os.Stdout, VerifyBody(args[1], args[2], body, decoders[args[3]]))
		return
	}
	header := http.Header{}
	header.Set("webhook-id", args[2])
	header.Set("webhook-timestamp", args[3])
	header.Set("webhook-signature", args[4])
	now, err := strconv.ParseInt(args[5], 10, 64)
	if err != nil {
		panic(err)
	}
	fmt.Fprintln(os.Stdout, VerifyWebhook(args[1], header, body, time.Unix(now, 0)))
}

// decoders are the two encodings.
var decoders = map[string]func(string) ([]byte, error){"hex": hex.DecodeString, "base64": base64.StdEncoding.DecodeString}
