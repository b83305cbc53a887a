package state

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

var (
	// ErrRefused: the directory is of another run, or damaged, or in use.
	ErrRefused = errors.New("state refused")
	// ErrWrite: the checkpoint could not be written.
	ErrWrite = errors.New("write state")
)

// format is the version of the checkpoint's frame.
const format = 1

const fileName = "run.json"

// Identity is which run a directory is of.
type Identity struct {
	Program string `json:"program"`
	// Version is that of what the program keeps as its position.
	Version int `json:"version"`
	// Settings are what must be the same to go on, by the name of the flag
	// (with its dash) or of what else decides.
	Settings map[string]string `json:"settings"`
}

// checkpoint is the file.
type checkpoint struct {
	Format   int               `json:"format"`
	Program  string            `json:"program"`
	Version  int               `json:"version"`
	Settings map[string]string `json:"settings"`
	Saved    time.Time         `json:"saved"`
	Finished bool              `json:"finished"`
	Position json.RawMessage   `json:"position,omitempty"`
	Sum      uint32            `json:"sum"` // CRC-32 of the same with a sum of 0
}

// Dir is an open directory.
type Dir struct {
	path  string
	lock  *os.File
	id    Identity
	saved *checkpoint // as found; nil in a new one
}

// Open opens a directory, which is made if need be, for a run.
func Open(path string, id Identity) (d *Dir, err error) {
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, fmt.Errorf("state: %w: %w", ErrWrite, err)
	}
	d = &Dir{path: path, id: id}
	defer func() {
		if err != nil {
			d.Close()
			d = nil
		}
	}()
	if d.lock, err = os.OpenFile(d.Path("lock"), os.O_RDWR|os.O_CREATE, 0o644); err != nil {
		return d, fmt.Errorf("state: %w: %w", ErrWrite, err)
	}
	if err := lock(d.lock); err != nil {
		return d, d.refuse("another process is using it; end that, or give another -state")
	}
	return d, d.read()
}

// read takes the checkpoint, if there is one.
func (d *Dir) read() error {
	content, err := os.ReadFile(d.Path(fileName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return d.refuse("its checkpoint cannot be read: " + err.Error())
	}
	c := new(checkpoint)
	if err := json.Unmarshal(content, c); err != nil || c.Format == 0 {
		return d.refuse("its checkpoint is damaged, or none of ours; remove it to begin anew")
	}
	if c.Format != format {
		return d.refuse(fmt.Sprintf("its checkpoint is of format %d, this program's is %d; go on with the program that made it, or remove it to begin anew", c.Format, format))
	}
	if sum, err := c.sum(); err != nil || sum != c.Sum {
		return d.refuse("its checkpoint is damaged: the sum is wrong; remove it to begin anew")
	}
	if reason := d.differs(c); reason != "" {
		return d.refuse(reason)
	}
	d.saved = c
	return nil
}

// differs says what makes a checkpoint another run's, and what to do.
func (d *Dir) differs(c *checkpoint) string {
	other := &Identity{c.Program, c.Version, c.Settings}
	reason := d.id.Differs(other)
	switch {
	case reason == "":
		return ""
	case other.Program != d.id.Program:
		return reason + "; give another -state"
	case other.Version != d.id.Version:
		return reason + "; go on with the program that made it, or remove it to begin anew"
	}
	return reason + "; give the same, or another -state"
}

// Differs says what makes other another run than this; nothing where it is the
// same.
func (id *Identity) Differs(other *Identity) string {
	if other.Program != id.Program {
		return "it is of another program, " + other.Program
	}
	if other.Version != id.Version {
		return fmt.Sprintf("it is of version %d, this program's is %d", other.Version, id.Version)
	}
	names := slices.Collect(maps.Keys(id.Settings))
	for name := range other.Settings {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if before, now := other.Settings[name], id.Settings[name]; before != now {
			return fmt.Sprintf("it is of another run: %s was %q, and is %q now", name, before, now)
		}
	}
	return ""
}

func (d *Dir) refuse(reason string) error {
	return fmt.Errorf("-state %s: %w: %s", d.path, ErrRefused, reason)
}

// sum is the CRC of a checkpoint.
func (c *checkpoint) sum() (uint32, error) {
	plain := *c
	plain.Sum = 0
	text, err := json.Marshal(plain)
	return crc32.ChecksumIEEE(text), err
}

// Path is that of a file in the directory.
func (d *Dir) Path(name string) string { return filepath.Join(d.path, name) }

// Resumed reports whether there is a checkpoint to go on from.
func (d *Dir) Resumed() bool { return d.saved != nil }

// Finished reports whether the run has come to its end: there is nothing to go
// on with.
func (d *Dir) Finished() bool { return d.saved != nil && d.saved.Finished }

// Position decodes where the run stood into v; without a checkpoint v stays.
func (d *Dir) Position(v any) error {
	if d.saved == nil || len(d.saved.Position) == 0 {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(d.saved.Position))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v); err != nil {
		return d.refuse("its position is damaged: " + err.Error())
	}
	return nil
}

// Save replaces the checkpoint.
func (d *Dir) Save(position any) error { return d.save(position, false) }

// Finish marks the run as having come to its end.
func (d *Dir) Finish(position any) error { return d.save(position, true) }

func (d *Dir) save(position any, finished bool) error {
	c := checkpoint{
		Format: format, Program: d.id.Program, Version: d.id.Version, Settings: d.id.Settings,
		Saved: time.Now().UTC().Truncate(time.Millisecond), Finished: finished,
	}
	var err error
	if c.Position, err = json.Marshal(position); err != nil {
		return fmt.Errorf("state: encode: %w", err)
	}
	if c.Sum, err = c.sum(); err != nil {
		return fmt.Errorf("state: encode: %w", err)
	}
	content, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("state: encode: %w", err)
	}
	if err := d.replace(append(content, '\n')); err != nil {
		return fmt.Errorf("state: %w: %w", ErrWrite, err)
	}
	return nil
}

// replace puts a new checkpoint in the place of the old one: the old one is
// whole until the new one is on the disk.
func (d *Dir) replace(content []byte) (err error) {
	beside := d.Path(fileName + ".new")
	f, err := os.Create(beside)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(beside)
		}
	}()
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	if err := os.Rename(beside, d.Path(fileName)); err != nil {
		return err
	}
	return syncDirectory(d.path)
}

// Close gives the directory up.
func (d *Dir) Close() error {
	if d.lock == nil {
		return nil
	}
	err := d.lock.Close()
	d.lock = nil
	return err
}
