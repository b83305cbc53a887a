package jsonl

import (
	"bytes"
	"fmt"
)

// WriteLines writes lines that are encoded and ended already, as many to a
// write as the page has room for. They may arrive in any size, but whole.
func (w *Writer) WriteLines(lines []byte) error {
	if w.only != nil {
		lines = w.only.Append(make([]byte, 0, len(lines)), lines)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(lines) > 0 && w.err == nil {
		n := w.share(lines)
		switch {
		case n == 0:
			return fmt.Errorf("jsonl: line not ended")
		case n > PageBytes:
			return fmt.Errorf("jsonl: %d bytes: %w", n, ErrLong)
		}
		// A copy: add may fill it up.
		if err := w.add(append(make([]byte, 0, n+RoomBytes), lines[:n]...)); err != nil {
			w.err = fmt.Errorf("jsonl: %w: %w", ErrWrite, err)
		}
		lines = lines[n:]
	}
	return w.err
}

// share is the length of the lines that go into one write: what fits into the
// page, or the first if that does not, or else does not fit into one at all.
func (w *Writer) share(lines []byte) int {
	left := PageBytes
	if w.paged {
		left = w.left()
	}
	if first := bytes.IndexByte(lines, '\n') + 1; first == 0 || first > left {
		return first
	}
	return bytes.LastIndexByte(lines[:min(left, len(lines))], '\n') + 1
}
