package jsonl

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

const (
	// PageBytes is the smallest page of any file cache, and what Linux writes
	// into a pipe in one piece.
	PageBytes = 4096
	// RoomBytes is the room below which a page is filled up: more than most
	// lines are long, so that filling up afterwards is rare.
	RoomBytes = 512
)

var (
	// ErrLong refuses a line that does not fit into a page.
	ErrLong = errors.New("line longer than a page")
	// ErrWrite: the file could not be opened or written, such as on a full disk.
	ErrWrite = errors.New("write")
)

// Selector cuts lines down: it appends lines, each whole, to dst with only
// some of their fields.
type Selector interface {
	Append(dst, lines []byte) []byte
}

// Writer writes lines.
type Writer struct {
	mu     sync.Mutex
	out    *os.File
	paged  bool  // out is a file with pages
	append bool  // the kernel ignores where we write
	offset int64 // the end of the file
	err    error // the first failure; nothing is written after it
	only   Selector
}

// Select has every line cut down before it is written. It is called before the
// first line.
func (w *Writer) Select(s Selector) { w.only = s }

// Open opens a file to add lines to, and makes it if need be. Lines that are
// there already stay. The file is refused while another process writes lines
// to it, and when its last line is not whole: then it is not of this package.
func Open(path string) (*Writer, *os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, nil, fmt.Errorf("jsonl: %w: %w", ErrWrite, err)
	}
	w, err := prepare(f)
	if err != nil {
		f.Close()
		return nil, nil, fmt.Errorf("jsonl: %w: %s: %w", ErrWrite, path, err)
	}
	return w, f, nil
}

func prepare(f *os.File) (*Writer, error) {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return NewWriter(f), err
	}
	if err := lock(f); err != nil {
		return nil, err
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	if size > 0 {
		var last [1]byte
		if _, err := f.ReadAt(last[:], size-1); err != nil {
			return nil, err
		}
		if last[0] != '\n' {
			return nil, errors.New("does not end with a whole line; name another file, or end it with a line break")
		}
	}
	return NewWriter(f), nil
}

// NewWriter writes to a file that is open already, such as os.Stdout, from
// where it stands.
func NewWriter(f *os.File) *Writer {
	w := &Writer{out: f}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return w
	}
	w.paged, w.append = true, appending(f)
	if w.append {
		w.offset = info.Size()
	} else if w.offset, err = f.Seek(0, io.SeekCurrent); err != nil {
		w.paged = false
	}
	return w
}

// Write writes v as one line. After a failure of the file every call returns
// that failure.
func (w *Writer) Write(v any) error {
	var line bytes.Buffer
	enc := json.NewEncoder(&line) // ends the line, too
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("jsonl: encode: %w", err)
	}
	text := line.Bytes()
	if w.only != nil {
		text = w.only.Append(nil, text)
	}
	if len(text) > PageBytes {
		return fmt.Errorf("jsonl: %d bytes: %w", len(text), ErrLong)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		if err := w.add(text); err != nil {
			w.err = fmt.Errorf("jsonl: %w: %w", ErrWrite, err)
		}
	}
	return w.err
}

// add writes one line, filled up if it would leave too little of its page.
func (w *Writer) add(line []byte) error {
	if w.paged {
		left := w.left()
		if len(line) > left {
			if err := w.fillAfterwards(left); err != nil {
				return err
			}
			left = w.left()
		}
		if rest := left - len(line); rest > 0 && rest < RoomBytes {
			line = append(line[:len(line)-1], spaces(rest)...)
			line = append(line, '\n')
		}
	}
	n, err := w.out.Write(line)
	w.offset += int64(n)
	if err != nil && n > 0 {
		w.cut(n)
	}
	return err
}

// WritePages writes lines that are complete and lie in pages already: none
// crosses a multiple of PageBytes, and where more is to follow b ends at one.
// After a failure of the file every call returns that failure.
func (w *Writer) WritePages(b []byte) error {
	if w.only != nil {
		return w.WriteLines(b)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil && len(b) > 0 {
		if err := w.addPages(b); err != nil {
			w.err = fmt.Errorf("jsonl: %w: %w", ErrWrite, err)
		}
	}
	return w.err
}

func (w *Writer) addPages(b []byte) error {
	if w.paged {
		if err := w.fillAfterwards(w.left()); err != nil {
			return err
		}
	}
	n, err := w.out.Write(b)
	w.offset += int64(n)
	if err != nil && n > 0 {
		w.cut(n % PageBytes)
	}
	return err
}

// left is what is left of the page at the end of the file.
func (w *Writer) left() int { return PageBytes - int(w.offset%PageBytes) }

// fillAfterwards moves the line break of the last line to the end of its page,
// within one page, which no kill can interrupt.
func (w *Writer) fillAfterwards(left int) error {
	if w.append || left == PageBytes {
		return nil
	}
	fill := append(spaces(left), '\n')
	if _, err := w.out.WriteAt(fill, w.offset-1); err != nil {
		return err
	}
	w.offset += int64(left)
	_, err := w.out.Seek(w.offset, io.SeekStart)
	return err
}

// Sync has what was written reach the disk, where it goes to one.
func (w *Writer) Sync() error {
	if !w.paged {
		return nil
	}
	if err := w.out.Sync(); err != nil {
		return fmt.Errorf("jsonl: %w: %w", ErrWrite, err)
	}
	return nil
}

// Mark is where the next line begins in a file; -1 where there is no such
// place.
func (w *Writer) Mark() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.paged || w.append {
		return -1
	}
	return w.offset
}

// Rewind cuts a file off at a Mark; a mark that it does not reach changes
// nothing.
func (w *Writer) Rewind(mark int64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.paged || w.append || mark < 0 || mark >= w.offset {
		return nil
	}
	err := w.out.Truncate(mark)
	if err == nil {
		_, err = w.out.Seek(mark, io.SeekStart)
	}
	if err != nil {
		return fmt.Errorf("jsonl: %w: %w", ErrWrite, err)
	}
	w.offset = mark
	return nil
}

// cut takes back what a failed write, on a full disk, has left of its line.
func (w *Writer) cut(n int) {
	if w.paged && w.out.Truncate(w.offset-int64(n)) == nil {
		w.offset -= int64(n)
	}
}

func spaces(count int) []byte { return bytes.Repeat([]byte{' '}, count) }
