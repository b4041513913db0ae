package emulators

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"
)

// startDeadline bounds the time from starting an emulator to its first answer.
// They take 5 to 100 ms; a loaded two-core machine has been seen to take 3 s.
const startDeadline = 20 * time.Second

// Emulator is a running one.
type Emulator struct {
	// URL is its endpoint: "http://127.0.0.1:41234".
	URL  string
	stop func()
}

// Stop ends it. Calling it again does nothing.
func (e *Emulator) Stop() { e.stop() }

// StartDynamoDB starts dynoxide, in memory, on address ("127.0.0.1:8000"), or on
// a free loopback port when address is empty.
func StartDynamoDB(ctx context.Context, address string) (*Emulator, error) {
	binary, err := dynoxide()
	if err != nil {
		return nil, err
	}
	host, port, err := hostPort(address)
	if err != nil {
		return nil, err
	}
	given := port
	for tries := 1; ; tries++ { // another process may take a port between our look and its use
		if given == "0" { // it would take a free one, and print 0
			if port, err = freePort(host); err != nil {
				return nil, err
			}
		}
		emulator, err := startProcess(ctx, "dynoxide", exec.Command(binary, "serve", "--host", host, "--port", port))
		if err == nil || given != "0" || tries == 3 {
			return emulator, err
		}
	}
}

// StartSQS starts local-aws-sqs on address, or on a free loopback port when it
// is empty. Queues belong to account 123456789012 in us-east-1.
func StartSQS(ctx context.Context, address string) (*Emulator, error) {
	node, err := exec.LookPath("node")
	if err != nil {
		return nil, fmt.Errorf("SQS emulator: Node 20 or newer with npm is needed (%w)", err)
	}
	dir, err := nodeDir("local-aws-sqs")
	if err != nil {
		return nil, fmt.Errorf("SQS emulator: %w", err)
	}
	host, port, err := hostPort(address)
	if err != nil {
		return nil, err
	}
	command := exec.Command(node, filepath.Join(dir, "sqs.js"))
	command.Env = append(os.Environ(), "HOST="+host, "PORT="+port)
	return startProcess(ctx, "local-aws-sqs", command)
}

// StartSecretsManager serves NewSecrets on address, or on a free loopback port
// when it is empty. It lives in this process.
func StartSecretsManager(ctx context.Context, address string) (*Emulator, error) {
	host, port, err := hostPort(address)
	if err != nil {
		return nil, err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, fmt.Errorf("Secrets Manager fake: %w", err)
	}
	server := &http.Server{Handler: NewSecrets(time.Now), ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }() // ends, with ErrServerClosed, at Close
	return &Emulator{URL: "http://" + listener.Addr().String(), stop: func() { _ = server.Close() }}, nil
}

// dynoxide finds the binary: the pinned npm package where there is one for this
// platform, else one that the developer has on the PATH.
func dynoxide() (string, error) {
	if runtime.GOOS == "linux" && runtime.GOARCH == "amd64" {
		dir, err := nodeDir("@dynoxide/linux-x64")
		if err != nil {
			return "", fmt.Errorf("DynamoDB emulator: %w", err)
		}
		return filepath.Join(dir, "node_modules/@dynoxide/linux-x64/dynoxide"), nil
	}
	path, err := exec.LookPath("dynoxide")
	if err != nil {
		return "", fmt.Errorf("DynamoDB emulator: put dynoxide 1.2.1 on the PATH, or name a DynamoDB in "+
			"JOBHOOK_DYNAMODB_ENDPOINT: npm has no build of it for %s/%s (%w)", runtime.GOOS, runtime.GOARCH, err)
	}
	return path, nil
}

// nodeDir returns tools/node once the npm package is installed there.
func nodeDir(name string) (string, error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(root, "tools", "node")
	if _, err := os.Stat(filepath.Join(dir, "node_modules", name, "package.json")); err != nil {
		return "", fmt.Errorf("%s is not installed: run `make deps` (needs Node 20 or newer with npm)", name)
	}
	return dir, nil
}

// moduleRoot is the directory of go.mod, upwards from the working directory:
// `go test` runs a test in its package's directory.
func moduleRoot() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find go.mod: %w", err)
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no go.mod in %s or above", start)
		}
	}
}

func hostPort(address string) (host, port string, err error) {
	if address == "" {
		return "127.0.0.1", "0", nil
	}
	if host, port, err = net.SplitHostPort(address); err != nil {
		return "", "", fmt.Errorf("emulator's address %q: %w", address, err)
	}
	return host, port, nil
}

// freePort returns a port that was free a moment ago. Losing the race for it is
// noticed: dynoxide refuses a port in use.
func freePort(host string) (string, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer listener.Close()
	_, port, err := hostPort(listener.Addr().String())
	return port, err
}
