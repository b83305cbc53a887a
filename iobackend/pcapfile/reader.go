package pcapfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// ErrFormat is returned for what is not an Ethernet pcap file, or lies about
// its lengths.
var ErrFormat = errors.New("not a valid Ethernet pcap file")

// Frame is one captured frame.
type Frame struct {
	At time.Time
	// Data is what was kept of the frame.
	Data []byte
	// Bytes is how long the frame was.
	Bytes int
}

// Reader reads a capture in either byte order, with microseconds or
// nanoseconds. It never holds more than one frame, of at most SnaplenMax bytes.
type Reader struct {
	in    io.Reader
	order binary.ByteOrder
	unit  time.Duration
	data  []byte
}

// NewReader reads the file header.
func NewReader(r io.Reader) (*Reader, error) {
	var h [fileHeaderBytes]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return nil, fmt.Errorf("pcapfile: read file header: %w", err)
	}
	reader := &Reader{in: r}
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		switch order.Uint32(h[0:]) {
		case magicNano:
			reader.order, reader.unit = order, time.Nanosecond
		case magicMicro:
			reader.order, reader.unit = order, time.Microsecond
		}
	}
	if reader.order == nil {
		return nil, fmt.Errorf("pcapfile: read file header: magic % x: %w", h[:4], ErrFormat)
	}
	// The upper bits may tell of a frame check sequence.
	if link := reader.order.Uint32(h[20:]) & 0xFFFF; link != linkEthernet {
		return nil, fmt.Errorf("pcapfile: read file header: link type %d: %w", link, ErrFormat)
	}
	return reader, nil
}

// Next reads a frame; its Data is valid until the next call. The error is
// io.EOF at the end, and io.ErrUnexpectedEOF when the file ends within a frame.
func (r *Reader) Next() (Frame, error) {
	var h [frameHeaderBytes]byte
	if _, err := io.ReadFull(r.in, h[:]); err != nil {
		if err == io.EOF {
			return Frame{}, io.EOF
		}
		return Frame{}, fmt.Errorf("pcapfile: read frame header: %w", err)
	}
	kept, total := r.order.Uint32(h[8:]), r.order.Uint32(h[12:])
	if kept > SnaplenMax || kept > total || total > 1<<31-1 {
		return Frame{}, fmt.Errorf("pcapfile: read frame: %d bytes kept of %d: %w", kept, total, ErrFormat)
	}
	fraction := time.Duration(r.order.Uint32(h[4:])) * r.unit
	if fraction >= time.Second {
		return Frame{}, fmt.Errorf("pcapfile: read frame: %v as a fraction of a second: %w", fraction, ErrFormat)
	}
	if cap(r.data) < int(kept) {
		r.data = make([]byte, max(kept, 2048))
	}
	data := r.data[:kept]
	if _, err := io.ReadFull(r.in, data); err != nil {
		return Frame{}, fmt.Errorf("pcapfile: read frame: %w", noEOF(err))
	}
	return Frame{
		At:   time.Unix(int64(r.order.Uint32(h[0:])), int64(fraction)).UTC(),
		Data: data, Bytes: int(total),
	}, nil
}

// noEOF makes the end of the file within a frame unexpected.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// ReadAll reads a whole capture into memory. With an error it returns the
// frames before it.
func ReadAll(r io.Reader) ([]Frame, error) {
	reader, err := NewReader(r)
	if err != nil {
		return nil, err
	}
	var all []Frame
	for {
		f, err := reader.Next()
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		f.Data = append([]byte(nil), f.Data...)
		all = append(all, f)
	}
}
