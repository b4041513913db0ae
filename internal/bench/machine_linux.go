package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"time"
)

// fileSystems are the magic numbers of statfs(2).
var fileSystems = map[int64]string{
	0xEF53: "ext4", 0x58465342: "xfs", 0x9123683E: "btrfs", 0x794C7630: "overlay", 0x2FC12FC1: "zfs", 0x6969: "nfs", 0xF2F52010: "f2fs",
	0x01021994: "tmpfs", 0x858458F6: "ramfs",
}

// look says what the machine is. A directory in memory is refused: there a
// durable write costs nothing, and the figures would be worth as much.
func look(dir string) (machine, error) {
	m := machine{CPUs: runtime.NumCPU(), Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return m, fmt.Errorf("make the data directory: %w", err)
	}
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return m, fmt.Errorf("ask for the file system of %s: %w", dir, err)
	}
	m.FileSystem = fileSystems[int64(fs.Type)] //nolint:unconvert // an int32 on some platforms
	switch m.FileSystem {
	case "tmpfs", "ramfs":
		return m, fmt.Errorf("%s is on %s, in memory: name a directory on a disk with -data", dir, m.FileSystem)
	case "":
		m.FileSystem = fmt.Sprintf("file system 0x%x", fs.Type)
	}
	took, err := syncTime(dir)
	m.Sync = milliseconds(took)
	return m, err
}

// syncTime is the median time that 1 KB more takes to be on the disk.
func syncTime(dir string) (time.Duration, error) {
	f, err := os.Create(filepath.Join(dir, "bench-sync"))
	if err != nil {
		return 0, fmt.Errorf("make a file: %w", err)
	}
	defer func() { _, _ = f.Close(), os.Remove(f.Name()) }()
	var list []time.Duration
	for range 200 {
		begin := time.Now()
		_, writeErr := f.Write(make([]byte, 1024))
		if err := errors.Join(writeErr, syscall.Fdatasync(int(f.Fd()))); err != nil {
			return 0, fmt.Errorf("write and sync: %w", err)
		}
		list = append(list, time.Since(begin))
	}
	slices.Sort(list)
	return list[len(list)/2], nil
}
