package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
)

// The log's files are named by their generation, jobhook-1.log and so on: the
// one that is written to and, until the checkpoint is done that has its
// changes, the one before it.
//
// A file begins with a header: magic, generation, the number of its first
// commit, the checksum of these. A commit's frame is its length, the checksum of what
// follows, its number, the number of the last commit that was known to be on
// disk when it was written, and its changes. Checksums are CRC-32C and begin
// with the data file's id and the generation, so that neither a payload nor what
// an earlier generation has left can pass for a frame.
//
// A file that is not needed any more is written again as a later generation:
// its blocks have their places, so that a sync need not wait for the file
// system's journal and for all that others have written.
const (
	logMagic   = "jobhook1"
	logHeader  = len(logMagic) + 8 + 8 + 4
	frameHead  = 4 + 4 + 8 + 8
	logPattern = "jobhook-*.log"
	spareName  = "jobhook.spare"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// disk opens the log's files to be written from their beginning, and makes one
// that is not needed any more the spare one: tests put faults in its place.
type disk struct {
	// mapSize is how much of the data file is mapped at first. It is address space,
	// not memory: remapping a grown file has to wait for all readers.
	mapSize int
	open    func(path string) (logWriter, error)
	spare   func(path, spare string) error
}

// logWriter is a file that is written from its beginning to its end.
type logWriter interface {
	io.WriteCloser
	Sync() error
}

func systemDisk() disk {
	return disk{mapSize: 1 << 30, spare: os.Rename, open: func(path string) (logWriter, error) {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
		if err != nil {
			return nil, fmt.Errorf("open for writing: %w", err)
		}
		return dataFile{f}, nil
	}}
}

// logFile is one file of the log, being written.
type logFile struct {
	file       logWriter
	path       string
	generation uint64
	seed       uint64        // of its checksums
	synced     atomic.Uint64 // the last commit that is known to be on disk
	frames     []byte        // to be written
	spare      []byte        // that were written: their memory is used again
}

func logPath(dir string, generation uint64) string {
	return filepath.Join(dir, strings.Replace(logPattern, "*", strconv.FormatUint(generation, 10), 1))
}

// createLog begins a file whose first commit will be the one of that number.
func createLog(d disk, dir string, id, generation, first uint64) (*logFile, error) {
	l := &logFile{path: logPath(dir, generation), generation: generation, seed: id + generation}
	l.synced.Store(first - 1)
	header := binary.BigEndian.AppendUint64(append(make([]byte, 0, logHeader), logMagic...), generation)
	header = binary.BigEndian.AppendUint64(header, first)
	header = binary.BigEndian.AppendUint32(header, checksum(l.seed, header))
	err := os.Rename(filepath.Join(dir, spareName), l.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("make a log: %w", err)
	}
	if l.file, err = d.open(l.path); err != nil {
		return nil, fmt.Errorf("make a log: %w", err)
	}
	if _, err = l.file.Write(header); err == nil {
		err = l.file.Sync()
	}
	if err == nil {
		err = syncDir(dir)
	}
	if err != nil {
		_ = l.file.Close()
		return nil, fmt.Errorf("make a log: %w", err)
	}
	return l, nil
}

func checksum(seed uint64, raw []byte) uint32 {
	return crc32.Update(uint32(seed), castagnoli, raw)
}

// append adds a commit's frame to those that are to be written.
func (l *logFile) append(commit uint64, changes []change, counted *[tables]uint64) {
	begin := len(l.frames)
	frame := binary.BigEndian.AppendUint64(l.frames, 0) // length and checksum
	frame = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(frame, commit), l.synced.Load())
	for b, n := range counted {
		if n != 0 {
			frame = binary.AppendUvarint(append(frame, byte(b)|frameCount), n)
		}
	}
	for _, c := range changes {
		kind := byte(c.table)
		if c.version.value == nil {
			kind |= frameDelete
		}
		frame = binary.AppendUvarint(append(frame, kind), uint64(len(c.entry.key)))
		frame = append(frame, c.entry.key...)
		if c.version.value != nil {
			frame = binary.AppendUvarint(frame, uint64(len(c.version.value)))
			frame = append(frame, c.version.value...)
		}
	}
	l.frames = frame
	frame = frame[begin:]
	binary.BigEndian.PutUint32(frame, uint32(len(frame)))
	binary.BigEndian.PutUint32(frame[4:], checksum(l.seed, frame[8:]))
}

// unwritten is how many bytes are to be written.
func (l *logFile) unwritten() int { return len(l.frames) }

// take hands out the frames that are to be written, to be given to sync.
func (l *logFile) take() (frames []byte) {
	frames, l.frames, l.spare = l.frames, l.spare, nil
	return frames
}

// What begins an entry of a frame is its table and one of these, or neither.
const (
	frameDelete = 0x80 // then key
	frameCount  = 0x40 // then the table's sequence
	frameTable  = 0x3f
)

// sync writes frames, in one write, and puts all up to this commit on disk. After
// a failure the system may have dropped what was to be written: another sync would
// succeed and mean nothing.
func (l *logFile) sync(frames []byte, commit uint64) error {
	if l.synced.Load() >= commit {
		return nil
	}
	if _, err := l.file.Write(frames); err != nil {
		return fmt.Errorf("write the log: %w", err)
	}
	if err := l.file.Sync(); err != nil {
		return fmt.Errorf("sync the log: %w", err)
	}
	l.synced.Store(commit)
	if l.spare = frames[:0]; cap(frames) > maxUnwritten {
		l.spare = nil
	}
	return nil
}

// logs lists the generations of the log's files in dir, in order.
func logs(dir string) (generations []uint64, err error) {
	names, err := filepath.Glob(filepath.Join(dir, logPattern))
	if err != nil {
		return nil, fmt.Errorf("look for the log: %w", err)
	}
	prefix, suffix, _ := strings.Cut(logPattern, "*")
	for _, name := range names {
		name = strings.TrimSuffix(strings.TrimPrefix(filepath.Base(name), prefix), suffix)
		if generation, err := strconv.ParseUint(name, 10, 64); err == nil {
			generations = append(generations, generation)
		}
	}
	slices.Sort(generations)
	return generations, nil
}

// savedLog is what lies in one file of the log.
type savedLog struct {
	first  uint64 // its first commit
	seed   uint64
	frames []byte
}

// readLog reads a file of the log. It is nil when a crash came before its header
// was on disk, and with it before anything was written behind that.
func readLog(path string, id, generation uint64) (*savedLog, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	if len(raw) < logHeader {
		return nil, nil
	}
	sum, have := logHeader-4, binary.BigEndian.Uint64(raw[len(logMagic):])
	switch holds := binary.BigEndian.Uint32(raw[sum:]) == checksum(id+have, raw[:sum]); {
	case holds && have == generation && string(raw[:len(logMagic)]) == logMagic:
		return &savedLog{first: binary.BigEndian.Uint64(raw[len(logMagic)+8:]), seed: id + generation, frames: raw[logHeader:]}, nil
	case holds && have < generation, len(raw) == logHeader: // the spare one, or a new one
		return nil, nil
	}
	return nil, fmt.Errorf("%w: %s does not belong to it, or its beginning is damaged", ErrFormat, filepath.Base(path))
}

// replay runs through the commits from number next on and before end. It stops
// at the first frame that is not whole, and says which commit was due there.
// That was a write that a crash cut off, unless that commit is known to have
// been on disk.
func (s *savedLog) replay(next, end uint64, apply func(commit uint64, changes []byte) error) (uint64, error) {
	raw := s.frames
	for next < end {
		size, commit := readFrame(raw, s.seed)
		if size == 0 || commit != next {
			return next, durableBehind(raw, s.seed, next)
		}
		if err := apply(commit, raw[frameHead:size]); err != nil {
			return next, err
		}
		raw, next = raw[size:], next+1
	}
	return next, nil
}

// readFrame reads the frame that raw begins with; its size is 0 when that is
// none, or not whole.
func readFrame(raw []byte, seed uint64) (size, commit uint64) {
	if len(raw) < frameHead {
		return 0, 0
	}
	size = uint64(binary.BigEndian.Uint32(raw))
	if size < frameHead || size > uint64(len(raw)) || binary.BigEndian.Uint32(raw[4:]) != checksum(seed, raw[8:size]) {
		return 0, 0
	}
	return size, binary.BigEndian.Uint64(raw[8:])
}

// durableBehind looks for a frame that was written when the commit next, whose
// frame cannot be read, was on disk already: a crash did not do that.
func durableBehind(raw []byte, seed, next uint64) error {
	for at := 1; at+frameHead <= len(raw); at++ {
		behind := raw[at:]
		if binary.BigEndian.Uint64(behind[8:]) <= next || binary.BigEndian.Uint64(behind[16:]) < next {
			continue
		}
		if size, _ := readFrame(behind, seed); size != 0 {
			return fmt.Errorf("%w: its log is damaged at commit %d, and goes on behind that", ErrFormat, next)
		}
	}
	return nil
}

// eachChange reads what a frame holds. A deletion's value is nil.
func eachChange(raw []byte, put func(b table, key, value []byte), count func(b table, n uint64)) error {
	for len(raw) > 0 {
		kind := raw[0]
		b := table(kind & frameTable)
		n, rest := frameNumber(raw[1:])
		switch {
		case rest == nil || b >= tables:
			return errRecord
		case kind&frameCount != 0:
			count(b, n)
			raw = rest
			continue
		case n == 0 || n > uint64(len(rest)):
			return errRecord
		}
		key := rest[:n:n]
		if raw = rest[n:]; kind&frameDelete != 0 {
			put(b, key, nil)
			continue
		}
		if n, rest = frameNumber(raw); rest == nil || n > uint64(len(rest)) {
			return errRecord
		}
		put(b, key, rest[:n:n])
		raw = rest[n:]
	}
	return nil
}

// frameNumber reads a number; rest is nil when there is none.
func frameNumber(raw []byte) (n uint64, rest []byte) {
	n, size := binary.Uvarint(raw)
	if size <= 0 {
		return 0, nil
	}
	return n, raw[size:]
}
