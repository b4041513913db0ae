// Command samlocal is what `sam local` needs around it: emulators of DynamoDB,
// SQS and Secrets Manager with jobhook's tables, queues and secrets in them, and
// a receiver that verifies what it gets (`make emulators`). It also proves that
// they work together, by SAM's own commands (`make sam`).
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
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
