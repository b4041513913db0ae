package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

// samTimeout bounds one of SAM's commands; the slowest takes some 20 s.
const samTimeout = 3 * time.Minute

// checker runs SAM's commands and judges them.
type checker struct {
	options
	out     io.Writer
	aws     string // where SAM finds AWS; empty for nowhere: its credentials are nobody's
	w       *world // once a step needs it
	samples []sample
	started map[string]map[string]arrival // by message and path: the first POST
	asked   []webhook.RetryMessage        // what the retry queue was sent
	// invoke gives a function an event and returns its answer; how says it in words.
	invoke func(ctx context.Context, function string, event []byte) ([]byte, error)
	how    func(function string) string
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

// step does something and prints what it was, how long it took and what came of it.
func (c *checker) step(did string, do func() (came string, err error)) error {
	began := time.Now()
	came, err := do()
	if err != nil {
		return fmt.Errorf("%s: %w", did, err)
	}
	fmt.Fprintf(c.out, "ok %5.1f s  %s\n", time.Since(began).Seconds(), did)
	if came != "" {
		fmt.Fprintf(c.out, "            %s\n", came)
	}
	return nil
}

// world starts the emulators at the first call.
func (c *checker) world(ctx context.Context) error {
	if c.w != nil {
		return nil
	}
	if c.host != bridge {
		return fmt.Errorf("env.json expects the emulators on %s, Docker's bridge, and this machine has no such address", bridge)
	}
	return c.step("emulators on "+c.host+", tables, queues, secrets, an endpoint", func() (_ string, err error) {
		if c.w, err = newWorld(ctx, c.host, indented{c.out}); err == nil {
			c.samples, err = loadSamples(c.w.url(receiverPort))
			slices.SortStableFunc(c.samples, func(a, b sample) int { return cmp.Compare(len(records(a)), len(records(b))) })
		}
		return "", err
	})
}

// indented sets the receiver's lines off.
type indented struct{ io.Writer }

func (w indented) Write(p []byte) (int, error) {
	if _, err := fmt.Fprintf(w.Writer, "            %s", p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// sam runs one of SAM's commands to its end and returns what it printed: stdout, and both.
func (c *checker) sam(ctx context.Context, input []byte, args ...string) (stdout, all string, err error) {
	ctx, cancel := context.WithTimeout(ctx, samTimeout)
	defer cancel()
	p := c.command(ctx, args...)
	var out, both bytes.Buffer
	p.Stdin, p.Stdout, p.Stderr = bytes.NewReader(input), &out, &both
	if err := p.Run(); err != nil {
		return "", "", fmt.Errorf("sam %s: %w\n%s%s", strings.Join(args, " "), err, &out, &both)
	}
	return out.String(), out.String() + both.String(), nil
}

// command prepares one of SAM's commands. It gets credentials of nobody's, so
// that nothing here can reach an account, and docs/deploy.md's flags for Go.
func (c *checker) command(ctx context.Context, args ...string) *exec.Cmd {
	p := exec.CommandContext(ctx, ".venv/bin/sam", args...)
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "AWS_") || strings.HasPrefix(entry, "AWS_CA_BUNDLE=") {
			p.Env = append(p.Env, entry)
		}
	}
	p.Env = append(p.Env, "CGO_ENABLED=0", "GOFLAGS=-trimpath -buildvcs=false -tags=lambda.norpc '-ldflags=-s -w'",
		"SAM_CLI_TELEMETRY=0", "AWS_REGION=us-east-1", "AWS_DEFAULT_REGION=us-east-1",
		"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_CONFIG_FILE=/dev/null", "AWS_ENDPOINT_URL="+c.aws)
	p.Cancel = func() error { return p.Process.Signal(syscall.SIGTERM) }
	p.WaitDelay = 20 * time.Second // SAM removes its container
	return p
}

// template is the one that sam build has made.
func (o options) template() string { return filepath.Join(o.build, "template.yaml") }

// architecture is the parameter's value that runs on this machine.
func architecture() string {
	if runtime.GOARCH == "arm64" {
		return "Architecture=arm64"
	}
	return "Architecture=x86_64"
}

// local are the flags that sam local's commands share. --skip-pull-image takes
// the base image that tools/container has put there.
func (o options) local() []string {
	return []string{"--template-file", o.template(), "--env-vars", "env.json", "--parameter-overrides", architecture(), "--skip-pull-image"}
}

func (c *checker) validate(ctx context.Context) error {
	for _, template := range []string{"template.yaml", "receive.yaml"} {
		err := c.step("sam validate --lint "+template, func() (string, error) {
			_, all, err := c.sam(ctx, nil, "validate", "--lint", "--template-file", template)
			if err == nil && !strings.Contains(all, "is a valid SAM Template") {
				err = fmt.Errorf("it says: %s", all)
			}
			return "", err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// buildAll builds both templates. That a deployed binary is as small and static
// as it should be is internal/runtimeapi's business.
func (c *checker) buildAll(ctx context.Context) error {
	for template, dir := range map[string]string{"template.yaml": c.build, "receive.yaml": c.build + "-receive"} {
		err := c.step("sam build --template-file "+template, func() (string, error) {
			_, _, err := c.sam(ctx, nil, "build", "--template-file", template, "--build-dir", dir, "--parameter-overrides", architecture())
			if err != nil {
				return "", err
			}
			var made []string
			binaries, _ := filepath.Glob(filepath.Join(dir, "*", "bootstrap"))
			nested, _ := filepath.Glob(filepath.Join(dir, "*", "*", "bootstrap"))
			for _, binary := range append(binaries, nested...) {
				info, err := os.Stat(binary)
				if err != nil {
					return "", err
				}
				made = append(made, fmt.Sprintf("%s %.1f MB", filepath.Base(filepath.Dir(binary)), float64(info.Size())/1e6))
			}
			return strings.Join(made, ", "), nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
