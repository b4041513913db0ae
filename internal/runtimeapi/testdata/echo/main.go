// Echo is a function for the tests of runtimeapi: the event says what to do.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

// event is what the tests send.
type event struct {
	Do   string `json:"do"`   // "echo", "fail", "panic", "exit", "hang", "grow"
	Text string `json:"text"` // echoed, logged, or the error's message
}

// answer is what echo returns.
type answer struct {
	Text      string `json:"text"`
	RequestID string `json:"request_id"`
	ARN       string `json:"arn"`
	LeftMS    int64  `json:"left_ms"` // until the deadline
	Greeting  string `json:"greeting"`
}

var held []byte

func handle(ctx context.Context, e event) (answer, error) {
	switch e.Do {
	case "fail":
		return answer{}, errors.New(e.Text)
	case "panic":
		panic(e.Text)
	case "exit":
		os.Exit(3)
	case "hang":
		fmt.Println("hanging")
		select {}
	case "grow":
		held = make([]byte, 64<<20)
		for i := range held {
			held[i] = 1
		}
	}
	fmt.Fprintln(os.Stderr, "echo:", e.Text)
	about, _ := lambdacontext.FromContext(ctx)
	deadline, _ := ctx.Deadline()
	return answer{
		Text: e.Text, RequestID: about.AwsRequestID, ARN: about.InvokedFunctionArn,
		LeftMS: time.Until(deadline).Milliseconds(), Greeting: os.Getenv("GREETING"),
	}, nil
}

func main() {
	if os.Getenv("GREETING") == "never" {
		fmt.Println("refusing to start")
		os.Exit(1)
	}
	lambda.Start(handle)
}
