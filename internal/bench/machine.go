package main

import (
	"fmt"
	"time"
)

// machine is what the figures were measured on.
type machine struct {
	CPUs       int     `json:"cpus"`
	Go         string  `json:"go"`
	System     string  `json:"system"`
	FileSystem string  `json:"file_system"`
	Sync       float64 `json:"fdatasync_ms"` // median of an append of 1 KB and its sync
}

func (m machine) String() string {
	return fmt.Sprintf("%d CPUs, %s, %s, %s, fdatasync of 1 KB %.2f ms", m.CPUs, m.System, m.Go, m.FileSystem, m.Sync)
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
