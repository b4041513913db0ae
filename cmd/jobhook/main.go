// Command jobhook runs jobhook on one machine and helps those who work with it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// version is set at release builds: -ldflags "-X main.version=1.2.3".
var version = "devel"

const usage = `jobhook tells an AI platform's customers that their job is done.

Usage: jobhook COMMAND [flags]

  local    run everything on this machine, in one process and one file
  api      serve a deployed stack's API on this machine, with your AWS credentials
  demo     run local with a receiver and sample completions, to watch it work
  secret   print what verifies the webhooks of an account's jobs' own URLs
  verify   check a received request's signature, and say what is wrong with it
  listen   receive webhooks here, print and verify them, answer as told
  version  print the version

"jobhook COMMAND --help" explains a command's flags.
`

// Exit codes: a command that ran and failed, and one that was called wrongly.
const (
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() { // The first ends the work in order. A second one ends it at once:
		<-signals                                   // by the time that anybody learns of the first, signals do again
		signal.Reset(os.Interrupt, syscall.SIGTERM) // what they do by default.
		cancel()
	}()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return exitUsage
	}
	name, args := args[0], args[1:]
	switch name {
	case "local":
		return localCommand(ctx, args, stdout, stderr)
	case "api":
		return apiCommand(ctx, args, stdout, stderr)
	case "demo":
		return demoCommand(ctx, args, stdout, stderr)
	case "secret":
		return secretCommand(ctx, args, stdout, stderr)
	case "verify":
		return verifyCommand(args, stdin, stdout, stderr)
	case "listen":
		return listenCommand(ctx, args, stdout, stderr)
	case "version", "--version":
		fmt.Fprintln(stdout, "jobhook", version)
		return 0
	case "help", "--help", "-h":
		fmt.Fprint(stdout, usage)
		return 0
	}
	fmt.Fprintf(stderr, "jobhook: there is no command %q\n\n%s", name, usage)
	return exitUsage
}

// usageError says that the command was called wrongly.
type usageError struct{ error }

// errReported says that the command failed and has said why.
var errReported = errors.New("reported")

// runCommand runs a command with its flags and returns the code to exit with.
func runCommand(flags *flag.FlagSet, args []string, help string, stdout, stderr io.Writer, do func() error) int {
	flags.SetOutput(io.Discard)
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, help)
		return 0
	case err != nil:
		err = usageError{err}
	case flags.NArg() > 0:
		err = usageError{fmt.Errorf("unexpected argument %q", flags.Arg(0))}
	default:
		err = do()
	}
	if err == nil {
		return 0
	}
	if !errors.Is(err, errReported) {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			fmt.Fprintf(stderr, "jobhook %s: %s\n", flags.Name(), line)
		}
	}
	if !errors.As(err, &usageError{}) {
		return exitFailed
	}
	fmt.Fprintf(stderr, "(jobhook %s --help lists the flags)\n", flags.Name())
	return exitUsage
}
