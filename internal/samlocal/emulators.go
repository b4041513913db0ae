package main

import (
	"context"
	"fmt"
	"io"
)

// localEvents is where emulatorsCommand puts copies of the samples.
const localEvents = ".bin/events"

const welcome = `DynamoDB         %s  tables %s, %s, %s
SQS              %s  queues %s, %s, %s, %s
Secrets Manager  %s  secrets %s, %s, %s
receiver         %s  prints and verifies what it gets; the first POST of each
                 message to %s is answered 503, so that there is something to retry

Registered: endpoint %s of account %s, %s, all events.
Waiting for its second attempt, which retry.json asks for: %s.
Copies of events/ with the receiver's address in place of https://example.com: %s
env.json tells the functions where all this is. Try:

  sam build --config-env local
  sam local invoke DispatchFunction --config-env local --event %s/dispatch-eventbridge.json
  sam local invoke RetryFunction --config-env local --event %s/retry.json
  sam local invoke Receiving/ReceiveFunction --config-env local --event %s/receive-github.json

Everything is in memory; Ctrl-C ends it.
`

// emulatorsCommand runs the world until ctx ends.
func emulatorsCommand(ctx context.Context, o options, out io.Writer) error {
	w, err := newWorld(ctx, o.host, out)
	if err != nil {
		return err
	}
	defer w.stop()
	if err := writeSamples(localEvents, w.url(receiverPort)); err != nil {
		return err
	}
	fmt.Fprintf(out, welcome,
		w.url(dynamoDBPort), endpointsTable, deliveriesTable, receiptsTable,
		w.url(sqsPort), sourceQueue, retryQueue, rejectedQueue, inboxQueue,
		w.url(secretsPort), signingSecret, sealingKey, sourcesSecret,
		w.url(receiverPort), busyPath,
		sampleEndpoint, sampleAccount, w.url(receiverPort)+samplePath, w.waiting.ID(), localEvents,
		localEvents, localEvents, localEvents)
	if o.host != bridge {
		fmt.Fprintf(out, "\nenv.json expects %s, the address of Docker's bridge, and there is none: start Docker first,\nor put an address that your containers reach into --host and env.json.\n", bridge)
	}
	<-ctx.Done()
	return nil
}
