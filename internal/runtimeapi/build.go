package runtimeapi

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

var (
	buildsMu sync.Mutex
	builds   = map[string]func() (string, error){} // by import path; each builds once
)

// Build builds a function for this machine with the flags of template.yaml's
// build, and returns the path of its bootstrap. Each package is built once per
// process; pkg is an import path ("github.com/jobhook/jobhook/functions/dispatch").
//
// The binaries lie under .bin/test in the module's root, where the Go build
// cache makes the next run's build short and no test has to clean up.
func Build(tb testing.TB, pkg string) string {
	tb.Helper()
	buildsMu.Lock()
	once, known := builds[pkg]
	if !known {
		once = sync.OnceValues(func() (string, error) { return build(pkg) })
		builds[pkg] = once
	}
	buildsMu.Unlock()
	path, err := once()
	if err != nil {
		tb.Fatal(err)
	}
	return path
}

func build(pkg string) (string, error) {
	module, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("build %s: %w", pkg, err)
	}
	root := filepath.Dir(strings.TrimSpace(string(module)))
	dir := filepath.Join(root, ".bin", "test", strings.ReplaceAll(pkg, "/", "_"))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("build %s: %w", pkg, err)
	}
	fresh := filepath.Join(dir, fmt.Sprintf("building-%d", os.Getpid()))
	command := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-tags", "lambda.norpc", "-ldflags", "-s -w", "-o", fresh, pkg)
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", pkg, err, output)
	}
	// Renamed, not written in place: another package's test may be running it.
	bootstrap := filepath.Join(dir, "bootstrap")
	if err := os.Rename(fresh, bootstrap); err != nil {
		return "", fmt.Errorf("build %s: %w", pkg, err)
	}
	return bootstrap, nil
}

// peakRSS reads VmHWM. The rusage of an ended process would not do: it starts
// with the peak of the process that forked it, here the test.
func peakRSS(pid int) (int64, error) {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0, fmt.Errorf("peak memory: %w", err)
	}
	for line := range strings.Lines(string(status)) {
		value, found := strings.CutPrefix(line, "VmHWM:")
		if !found {
			continue
		}
		kilobytes, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("peak memory: %w", err)
		}
		return kilobytes << 10, nil
	}
	return 0, fmt.Errorf("peak memory: no VmHWM: process %d has ended", pid)
}
