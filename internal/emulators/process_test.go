package emulators_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jobhook/jobhook/internal/emulators"
)

// childRole makes this test binary start the emulators and wait to be killed.
const childRole = "JOBHOOK_TEST_EMULATORS_CHILD"

func beKilled() {
	for _, start := range []func(context.Context, string) (*emulators.Emulator, error){emulators.StartDynamoDB, emulators.StartSQS} {
		emulator, err := start(context.Background(), "")
		if err != nil {
			fmt.Println("failed:", err)
			os.Exit(1)
		}
		fmt.Println(emulator.URL)
	}
	select {}
}

// An emulator that outlived its test would pile up on every developer's machine.
func TestEmulatorsDieWithAKilledProcess(t *testing.T) {
	t.Parallel()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childRole+"=1")
	output, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	addresses := readAddresses(t, bufio.NewScanner(output))
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // "signal: killed"
	for _, address := range addresses {
		awaitGone(t, address)
	}
}

func readAddresses(t *testing.T, lines *bufio.Scanner) []string {
	t.Helper()
	var addresses []string
	for len(addresses) < 2 && lines.Scan() {
		parsed, err := url.Parse(lines.Text())
		if err != nil || parsed.Host == "" {
			t.Fatalf("the child says: %s", lines.Text())
		}
		addresses = append(addresses, parsed.Host)
	}
	if len(addresses) < 2 {
		t.Fatal("the child ended early")
	}
	return addresses
}

// awaitGone returns when nothing listens at address any more.
func awaitGone(t *testing.T, address string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(5 * time.Second)
	for {
		connection, err := net.DialTimeout("tcp", address, time.Second)
		if err != nil {
			return
		}
		connection.Close()
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s still listens: the emulator outlived its process", address)
		}
	}
}

func TestStopEndsAnEmulator(t *testing.T) {
	t.Parallel()
	emulator, err := emulators.StartSQS(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	emulator.Stop()
	emulator.Stop()
	awaitGone(t, strings.TrimPrefix(emulator.URL, "http://"))
}

// What an emulator prints when it can't start is what a developer needs to see.
func TestAFailedStartShowsWhatTheEmulatorSaid(t *testing.T) {
	t.Parallel()
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for name, test := range map[string]struct {
		start func(context.Context, string) (*emulators.Emulator, error)
		says  string
	}{
		"dynoxide":      {emulators.StartDynamoDB, "already in use"},
		"local-aws-sqs": {emulators.StartSQS, "EADDRINUSE"},
	} {
		_, err := test.start(t.Context(), taken.Addr().String())
		if err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s on a taken port: %v; want an error with %q", name, err, test.says)
		}
	}
}

// Without `make deps` the error is one line, and names what to run.
func TestAMissingPackageIsNamedInOneLine(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("go.mod", []byte("module empty\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := emulators.StartSQS(t.Context(), "")
	if err == nil || !strings.Contains(err.Error(), "run `make deps`") || strings.Contains(err.Error(), "\n") {
		t.Errorf("without the package: %v; want one line that says to run make deps", err)
	}
}
