// Command samlocal is what `sam local` needs around it: emulators of DynamoDB,
// SQS and Secrets Manager with jobhook's tables, queues and secrets in them, and
// a receiver that verifies what it gets (`make emulators`). It also proves that
// they work together, by SAM's own commands (`make sam`).
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

const usage = `Usage: samlocal emulators [--host ADDRESS]
       samlocal check [--host ADDRESS] [--build DIR] STEP...

emulators  runs the emulators and the receiver until Ctrl-C
check      runs SAM's commands and judges what came of them; the steps:
           validate, build, invoke, start-lambda, deploy

  --host ADDRESS  where to listen: one that containers reach (default: the
                  bridge's, 172.17.0.1, where there is one, else 127.0.0.1)
  --build DIR     where sam build puts the functions (default .bin/sam/build)
`

type options struct{ host, build string }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "samlocal:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop has been called
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		return fmt.Errorf("name a command\n\n%s", usage)
	}
	var o options
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	flags.Usage = func() { fmt.Fprint(os.Stderr, usage) }
	flags.StringVar(&o.host, "host", hostForContainers(), "")
	flags.StringVar(&o.build, "build", ".bin/sam/build", "")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	switch args[0] {
	case "emulators":
		return emulatorsCommand(ctx, o, out)
	case "check":
		return checkCommand(ctx, o, flags.Args(), out)
	}
	return fmt.Errorf("there is no command %q\n\n%s", args[0], usage)
}

// localEvents is where emulatorsCommand puts copies of the samples.
const localEvents = ".bin/events"

const welcome = `DynamoDB         %s  tables %s, %s, %s
SQS              %s  queues %s, %s, %s, %s, %s
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
	samples, err := loadSamples(w.url(receiverPort))
	if err == nil {
		err = os.MkdirAll(localEvents, 0o755)
	}
	for _, s := range samples {
		err = errors.Join(err, os.WriteFile(filepath.Join(localEvents, s.name), s.body, 0o600))
	}
	if err != nil {
		return fmt.Errorf("samples: %w", err)
	}
	fmt.Fprintf(out, welcome,
		w.url(dynamoDBPort), endpointsTable, deliveriesTable, receiptsTable,
		w.url(sqsPort), sourceQueue, retryQueue, slowQueue, rejectedQueue, inboxQueue,
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
