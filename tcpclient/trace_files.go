package tcpclient

import (
	"errors"
	"os"
	"path/filepath"

	"myriad/iobackend/pcapfile"
)

// traceOpenMax is the number of connections of one worker whose two files are
// open at once. With more, the one that was quiet longest is closed, and its
// files are opened again when something happens to it.
const traceOpenMax = 64

// traceFiles are the open files of a worker's connections.
type traceFiles struct {
	dir  string
	open map[ID]*traceFile
	turn uint64 // counts uses
}

// traceFile is the pair of files of one connection.
type traceFile struct {
	lines, frames *os.File
	capture       *pcapfile.Writer
	used          uint64 // turn of the last use
}

// init makes the directory and checks that it can be written to.
func (t *traceFiles) init(dir string) error {
	t.dir, t.open = dir, map[ID]*traceFile{}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	probe, err := os.CreateTemp(dir, ".myriad-*")
	if err != nil {
		return err
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// get returns the files of a connection, opened under the given name where
// they are not open.
func (t *traceFiles) get(id ID, name string) (*traceFile, error) {
	t.turn++
	f := t.open[id]
	if f == nil {
		if err := t.evict(); err != nil {
			return nil, err
		}
		var err error
		if f, err = openTraceFile(filepath.Join(t.dir, name)); err != nil {
			return nil, err
		}
		t.open[id] = f
	}
	f.used = t.turn
	return f, nil
}

// evict makes room for one more.
func (t *traceFiles) evict() error {
	if len(t.open) < traceOpenMax {
		return nil
	}
	var oldest ID
	least := t.turn
	for id, f := range t.open {
		if f.used < least {
			oldest, least = id, f.used
		}
	}
	f := t.open[oldest]
	delete(t.open, oldest)
	return f.close()
}

func (t *traceFiles) close() error {
	var errs []error
	for id, f := range t.open {
		errs = append(errs, f.close())
		delete(t.open, id)
	}
	return errors.Join(errs...)
}

func openTraceFile(path string) (f *traceFile, err error) {
	f = &traceFile{}
	defer func() {
		if err != nil {
			f.close()
		}
	}()
	const how = os.O_CREATE | os.O_APPEND | os.O_WRONLY
	if f.lines, err = os.OpenFile(path+".jsonl", how, 0o666); err != nil {
		return f, err
	}
	if f.frames, err = os.OpenFile(path+".pcap", how, 0o666); err != nil {
		return f, err
	}
	info, err := f.frames.Stat()
	if err != nil {
		return f, err
	}
	f.capture, err = pcapfile.NewWriter(&continued{file: f.frames, skip: info.Size() > 0}, pcapfile.Options{})
	return f, err
}

func (f *traceFile) close() error {
	var errs []error
	if f.capture != nil {
		errs = append(errs, f.capture.Close())
	}
	for _, file := range []*os.File{f.frames, f.lines} {
		if file != nil {
			errs = append(errs, file.Close())
		}
	}
	return errors.Join(errs...)
}

// continued leaves out the first Write, the capture's header, where the file
// has one already.
type continued struct {
	file *os.File
	skip bool
}

func (c *continued) Write(p []byte) (int, error) {
	if c.skip {
		c.skip = false
		return len(p), nil
	}
	return c.file.Write(p)
}
