package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// programs are the binaries that the bench starts.
type programs struct{ jobhook, version, self string }

// profiler is added to jobhook's main package when a profile is asked for: the
// command itself has no way to make one.
const profiler = `package main

import (
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"
)

func init() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1)
	go func() {
		<-signals
		file, err := os.Create(os.Getenv("BENCH_PROFILE"))
		if err != nil {
			panic(err)
		}
		pprof.StartCPUProfile(file)
		<-signals
		pprof.StopCPUProfile()
		file.Close()
	}()
}
`

// build builds jobhook, and returns what removes it.
func build(ctx context.Context, o options) (_ *programs, clean func(), err error) {
	dir, err := os.MkdirTemp("", "jobhook-bench-")
	if err != nil {
		return nil, nil, fmt.Errorf("make a directory for the binary: %w", err)
	}
	clean = func() { _ = os.RemoveAll(dir) }
	defer func() {
		if err != nil {
			clean()
		}
	}()
	g := &programs{jobhook: filepath.Join(dir, "jobhook")}
	if g.self, err = os.Executable(); err != nil {
		return nil, nil, fmt.Errorf("find this program: %w", err)
	}
	if o.binary != "" {
		g.jobhook, g.version = o.binary, filepath.Base(o.binary)
		return g, clean, nil
	}
	args := []string{"build", "-o", g.jobhook}
	if o.profile != "" {
		overlay, err := addProfiler(dir)
		if err != nil {
			return nil, nil, err
		}
		args = append(args, "-overlay", overlay)
	}
	if out, err := exec.CommandContext(ctx, "go", append(args, "./cmd/jobhook")...).CombinedOutput(); err != nil {
		return nil, nil, fmt.Errorf("build jobhook: %w\n%s", err, out)
	}
	commit, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty").Output()
	if err != nil {
		return nil, nil, fmt.Errorf("ask git for the commit: %w", err)
	}
	g.version = "commit " + strings.TrimSpace(string(commit))
	return g, clean, nil
}

// addProfiler writes an overlay for go build with the profiler in it.
func addProfiler(dir string) (overlay string, err error) {
	added, err := filepath.Abs("cmd/jobhook/bench_profiler.go")
	if err != nil {
		return "", fmt.Errorf("name the profiler: %w", err)
	}
	source, overlay := filepath.Join(dir, "profiler.go"), filepath.Join(dir, "overlay.json")
	text, err := json.Marshal(map[string]map[string]string{"Replace": {added: source}})
	if err != nil {
		return "", fmt.Errorf("write the overlay: %w", err)
	}
	if err := os.WriteFile(source, []byte(profiler), 0o600); err != nil {
		return "", fmt.Errorf("write the profiler: %w", err)
	}
	return overlay, os.WriteFile(overlay, text, 0o600)
}
