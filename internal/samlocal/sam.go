package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// samTimeout bounds one of SAM's commands; the slowest takes some 20 s.
const samTimeout = 3 * time.Minute

// goEnvironment is what docs/deploy.md exports before sam build.
var goEnvironment = []string{"CGO_ENABLED=0", "GOFLAGS=-trimpath -buildvcs=false -tags=lambda.norpc '-ldflags=-s -w'"}

// architecture is the parameter's value that runs on this machine.
func architecture() string {
	if runtime.GOARCH == "arm64" {
		return "Architecture=arm64"
	}
	return "Architecture=x86_64"
}

// template is the one that sam build has made.
func (o options) template() string { return filepath.Join(o.build, "template.yaml") }

// local are the flags that sam local's commands share. --skip-pull-image takes
// the base image that tools/container has put there.
func (o options) local() []string {
	return []string{"--template-file", o.template(), "--env-vars", "env.json", "--parameter-overrides", architecture(), "--skip-pull-image"}
}

// command prepares one of SAM's commands. It gets credentials of nobody's, so
// that nothing here can reach an account.
func (c *checker) command(ctx context.Context, args ...string) *exec.Cmd {
	p := exec.CommandContext(ctx, ".venv/bin/sam", args...)
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "AWS_") || strings.HasPrefix(entry, "AWS_CA_BUNDLE=") {
			p.Env = append(p.Env, entry)
		}
	}
	p.Env = append(p.Env, goEnvironment...)
	p.Env = append(p.Env, "SAM_CLI_TELEMETRY=0", "AWS_REGION=us-east-1", "AWS_DEFAULT_REGION=us-east-1",
		"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_CONFIG_FILE=/dev/null", "AWS_ENDPOINT_URL="+c.aws)
	p.Cancel = func() error { return p.Process.Signal(syscall.SIGTERM) }
	p.WaitDelay = 20 * time.Second // SAM removes its container
	return p
}

// sam runs one to its end and returns what it printed: stdout, and both.
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
