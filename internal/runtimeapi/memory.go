package runtimeapi

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

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
