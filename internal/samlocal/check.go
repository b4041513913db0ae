package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

// checker runs SAM's commands and judges them.
type checker struct {
	options
	out     io.Writer
	aws     string // where SAM finds AWS; empty for nowhere: its credentials are nobody's
	w       *world // once a step needs it
	samples []sample
	started map[string]map[string]arrival // by message and path: the first POST
	asked   []webhook.RetryMessage        // what the retry queue was sent
}

func checkCommand(ctx context.Context, o options, steps []string, out io.Writer) error {
	c := &checker{options: o, out: out, started: map[string]map[string]arrival{}}
	known := map[string]func(context.Context) error{
		"validate": c.validate, "build": c.buildAll, "invoke": c.invokeAll, "start-lambda": c.startLambda, "deploy": c.deploy,
	}
	defer func() {
		if c.w != nil {
			c.w.stop()
		}
	}()
	for _, name := range steps {
		step, ok := known[name]
		if !ok {
			return fmt.Errorf("there is no step %q\n\n%s", name, usage)
		}
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// ok prints what was done, how long it took and what came of it.
func (c *checker) ok(began time.Time, did, came string) {
	fmt.Fprintf(c.out, "ok %5.1f s  %s\n", time.Since(began).Seconds(), did)
	if came != "" {
		fmt.Fprintf(c.out, "            %s\n", came)
	}
}

// world starts the emulators at the first call.
func (c *checker) world(ctx context.Context) error {
	if c.w != nil {
		return nil
	}
	if c.host != bridge {
		return fmt.Errorf("env.json expects the emulators on %s, Docker's bridge, and this machine has no such address", bridge)
	}
	began := time.Now()
	w, err := newWorld(ctx, c.host, indented{c.out})
	if err != nil {
		return err
	}
	c.w = w
	c.ok(began, "emulators on "+c.host+", tables, queues, secrets, an endpoint", "")
	c.samples, err = loadSamples(w.url(receiverPort))
	return err
}

// indented sets the receiver's lines off.
type indented struct{ io.Writer }

func (w indented) Write(p []byte) (int, error) {
	if _, err := fmt.Fprintf(w.Writer, "            %s", p); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (c *checker) validate(ctx context.Context) error {
	for _, template := range []string{"template.yaml", "receive.yaml"} {
		began := time.Now()
		_, all, err := c.sam(ctx, nil, "validate", "--lint", "--template-file", template)
		if err != nil {
			return err
		}
		if !strings.Contains(all, "is a valid SAM Template") {
			return fmt.Errorf("sam validate --lint says: %s", all)
		}
		c.ok(began, "sam validate --lint "+template, "")
	}
	return nil
}

// buildAll builds both templates. That a deployed binary is as small and static
// as it should be is internal/runtimeapi's business.
func (c *checker) buildAll(ctx context.Context) error {
	for template, dir := range map[string]string{"template.yaml": c.build, "receive.yaml": c.build + "-receive"} {
		began := time.Now()
		_, _, err := c.sam(ctx, nil, "build", "--template-file", template, "--build-dir", dir, "--parameter-overrides", architecture())
		if err != nil {
			return err
		}
		var made []string
		binaries, _ := filepath.Glob(filepath.Join(dir, "*", "bootstrap"))
		nested, _ := filepath.Glob(filepath.Join(dir, "*", "*", "bootstrap"))
		for _, binary := range append(binaries, nested...) {
			info, err := os.Stat(binary)
			if err != nil {
				return err
			}
			made = append(made, fmt.Sprintf("%s %.1f MB", filepath.Base(filepath.Dir(binary)), float64(info.Size())/1e6))
		}
		c.ok(began, "sam build --template-file "+template, strings.Join(made, ", "))
	}
	return nil
}

// state says how a delivery stands, for people.
func state(d webhook.Delivery) string {
	text := d.ID() + " recorded: " + string(d.Status)
	if last, ok := d.Last(); ok {
		text += fmt.Sprintf(", attempt %d was answered %d", last.Number, last.StatusCode)
	}
	return text
}
