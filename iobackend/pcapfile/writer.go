package pcapfile

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"time"
)

const (
	magicNano        = 0xA1B23C4D
	magicMicro       = 0xA1B2C3D4
	fileHeaderBytes  = 24
	frameHeaderBytes = 16
	linkEthernet     = 1
	// SnaplenMax is the longest frame that a capture holds: what tcpdump and
	// Wireshark accept.
	SnaplenMax = 262144
	// flushAfter is how late what was captured reaches the io.Writer.
	flushAfter = time.Second
)

// ErrInstant is returned for a frame whose time pcap cannot express.
var ErrInstant = errors.New("time is not within 1970 and 2106")

// Options of a capture. The zero value keeps frames whole.
type Options struct {
	// Snaplen is how many bytes of each frame are kept: SnaplenMax.
	Snaplen int
	// Epoch is the wall-clock time at which the device's clock showed 0, for
	// Wrap; found from the system's clock when zero.
	Epoch time.Time
}

// Writer writes a capture.
type Writer struct {
	mu      sync.Mutex
	out     *bufio.Writer
	snaplen int
	timer   *time.Timer
	armed   bool // the timer will flush
	closed  bool
	failure error
	lost    uint64
}

// NewWriter begins a capture with the file header, which is written at once.
func NewWriter(w io.Writer, o Options) (*Writer, error) {
	if o.Snaplen == 0 {
		o.Snaplen = SnaplenMax
	}
	if o.Snaplen < 14 || o.Snaplen > SnaplenMax {
		return nil, fmt.Errorf("pcapfile: new writer: Snaplen %d is not within 14 and %d", o.Snaplen, SnaplenMax)
	}
	var h [fileHeaderBytes]byte
	binary.LittleEndian.PutUint32(h[0:], magicNano)
	binary.LittleEndian.PutUint16(h[4:], 2) // version 2.4
	binary.LittleEndian.PutUint16(h[6:], 4)
	binary.LittleEndian.PutUint32(h[16:], uint32(o.Snaplen))
	binary.LittleEndian.PutUint32(h[20:], linkEthernet)
	if _, err := w.Write(h[:]); err != nil {
		return nil, fmt.Errorf("pcapfile: write file header: %w", err)
	}
	return &Writer{out: bufio.NewWriterSize(w, 64<<10), snaplen: o.Snaplen}, nil
}

// WriteFrame adds a frame, given in one or more pieces. The error is that of an
// earlier write too; the frame is then counted by Lost.
func (w *Writer) WriteFrame(at time.Time, pieces ...[]byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		w.lost++
		return fmt.Errorf("pcapfile: write frame: %w", io.ErrClosedPipe)
	}
	if w.failure != nil {
		w.lost++
		return w.failure
	}
	seconds := at.Unix()
	if seconds < 0 || seconds > math.MaxUint32 {
		w.lost++
		return fmt.Errorf("pcapfile: write frame at %v: %w", at, ErrInstant)
	}
	total := 0
	for _, p := range pieces {
		total += len(p)
	}
	if uint64(total) > math.MaxUint32 {
		w.lost++
		return fmt.Errorf("pcapfile: write frame: %d bytes are more than the format holds", total)
	}
	room := min(total, w.snaplen)
	h := binary.LittleEndian.AppendUint32(w.out.AvailableBuffer(), uint32(seconds))
	h = binary.LittleEndian.AppendUint32(h, uint32(at.Nanosecond()))
	h = binary.LittleEndian.AppendUint32(h, uint32(room))
	h = binary.LittleEndian.AppendUint32(h, uint32(total))
	w.out.Write(h) // a bufio.Writer remembers its error
	for _, p := range pieces {
		p = p[:min(len(p), room)]
		w.out.Write(p)
		room -= len(p)
	}
	if _, err := w.out.Write(nil); err != nil {
		return w.fail(err, 1)
	}
	w.arm()
	return nil
}

// fail remembers the first error; the lock is held. What was in the buffer is
// lost as well, but how many frames that were nobody knows.
func (w *Writer) fail(err error, lost uint64) error {
	if w.failure == nil {
		w.failure = fmt.Errorf("pcapfile: write: %w", err)
	}
	w.lost += lost
	return w.failure
}

// arm has the buffer flushed within flushAfter; the lock is held.
func (w *Writer) arm() {
	if w.armed {
		return
	}
	w.armed = true
	if w.timer == nil {
		w.timer = time.AfterFunc(flushAfter, func() { w.Flush() })
		return
	}
	w.timer.Reset(flushAfter)
}

// Flush hands everything written so far to the io.Writer.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.flush()
}

func (w *Writer) flush() error {
	w.armed = false
	if w.failure != nil {
		return w.failure
	}
	if err := w.out.Flush(); err != nil {
		return w.fail(err, 0)
	}
	return nil
}

// Lost is the number of frames that could not be written, not counting those
// that were in the buffer at the first error.
func (w *Writer) Lost() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lost
}

// Close flushes, and returns the first write error with the number of frames
// lost since. The io.Writer stays open. It may be called twice.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	if w.timer != nil {
		w.timer.Stop()
	}
	if err := w.flush(); err != nil {
		return fmt.Errorf("pcapfile: close: at least %d frames are missing: %w", w.lost, err)
	}
	return nil
}
