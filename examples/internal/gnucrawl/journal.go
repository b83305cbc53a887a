package gnucrawl

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	"myriad/examples/internal/gnutella"
	checkpoint "myriad/examples/internal/state"
)

// journalMagic begins a journal.
const journalMagic = "MYRIAD GNUTELLA JOURNAL 1\n"

// Journal keeps what contacting each node came to, so that a crawl goes on
// where another was killed. After the magic come entries, all numbers
// big-endian: the length of what follows but for the sum (4 bytes); the node's
// address (4) and port (2); status (2), reason, attempts, whether it is an
// ultrapeer (1 each), live since (8); the length of the user agent (2) and the
// agent; the numbers of peers and of leaves (2 each) and their addresses and
// ports; a CRC-32 of all that.
//
// An entry is written after the node's line. What a kill has left of one is
// cut off by the next crawl.
type Journal struct {
	file *os.File
}

// entryMax is more than any entry takes.
const entryMax = 64 + agentBytesMax + 6*(gnutella.HeadBytes/9)

// OpenJournal opens a journal, which is made if need be.
func OpenJournal(path string) (*Journal, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("gnucrawl: journal: %w: %w", checkpoint.ErrWrite, err)
	}
	magic := make([]byte, len(journalMagic))
	n, err := io.ReadFull(f, magic)
	switch {
	case n < len(magic): // it is new, or its maker was killed early
		if _, err = f.WriteAt([]byte(journalMagic), 0); err != nil {
			err = fmt.Errorf("gnucrawl: journal: %w: %w", checkpoint.ErrWrite, err)
		}
	case string(magic) != journalMagic:
		err = fmt.Errorf("gnucrawl: journal %s: %w: it is of another version, or none", path, checkpoint.ErrRefused)
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekEnd)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &Journal{f}, nil
}

// Close closes the file.
func (j *Journal) Close() error { return j.file.Close() }

func (j *Journal) write(entries []byte) error {
	if _, err := j.file.Write(entries); err != nil {
		return fmt.Errorf("gnucrawl: journal: %w: %w", checkpoint.ErrWrite, err)
	}
	return nil
}

// entry is what a journal has of a node; its slices are borrowed.
type entry struct {
	address       gnutella.Address
	record        record // but for node, agent, and edges
	agent         []byte
	peers, leaves []gnutella.Address
}

// appendEntry appends an entry.
func appendEntry(b []byte, e *entry) []byte {
	begin := len(b)
	b = append(b, 0, 0, 0, 0)
	b = appendSix(b, e.address)
	b = binary.BigEndian.AppendUint16(b, e.record.status)
	b = append(b, byte(e.record.reason), e.record.attempts, 0)
	if e.record.ultrapeer {
		b[len(b)-1] = 1
	}
	b = binary.BigEndian.AppendUint64(b, uint64(e.record.liveSince))
	agent := e.agent[:min(len(e.agent), agentBytesMax)]
	b = binary.BigEndian.AppendUint16(b, uint16(len(agent)))
	b = append(b, agent...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(e.peers)))
	b = binary.BigEndian.AppendUint16(b, uint16(len(e.leaves)))
	for _, a := range e.peers {
		b = appendSix(b, a)
	}
	for _, a := range e.leaves {
		b = appendSix(b, a)
	}
	binary.BigEndian.PutUint32(b[begin:], uint32(len(b)-begin-4))
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[begin+4:]))
}

var errEntry = errors.New("gnucrawl: no entry")

// parse reads an entry without its length and sum.
func (e *entry) parse(b []byte) error {
	const head, tail = 6 + 2 + 3 + 8 + 2, 4
	if len(b) < head+tail {
		return errEntry
	}
	e.address = six(b)
	e.record = record{
		status: binary.BigEndian.Uint16(b[6:]), reason: Reason(b[8]), attempts: b[9], ultrapeer: b[10] == 1,
		liveSince: int64(binary.BigEndian.Uint64(b[11:])),
	}
	agent := int(binary.BigEndian.Uint16(b[19:]))
	b = b[head:]
	if agent > len(b)-tail {
		return errEntry
	}
	e.agent, b = b[:agent], b[agent:]
	peers, leaves := int(binary.BigEndian.Uint16(b)), int(binary.BigEndian.Uint16(b[2:]))
	b = b[tail:]
	if len(b) != 6*(peers+leaves) || e.record.reason >= reasonCount {
		return errEntry
	}
	e.peers, e.leaves = e.peers[:0], e.leaves[:0]
	for k := range peers + leaves {
		a := six(b[6*k:])
		if k < peers {
			e.peers = append(e.peers, a)
		} else {
			e.leaves = append(e.leaves, a)
		}
	}
	return nil
}

func six(b []byte) gnutella.Address {
	return gnutella.Address(binary.BigEndian.Uint32(b))<<16 | gnutella.Address(binary.BigEndian.Uint16(b[4:]))
}

// each yields the entries, up to the first that is not whole, and returns
// where that begins.
func (j *Journal) each(yield func(*entry) error) (end int64, err error) {
	end = int64(len(journalMagic))
	if _, err := j.file.Seek(end, io.SeekStart); err != nil {
		return end, err
	}
	in := bufio.NewReaderSize(j.file, 1<<20)
	var e entry
	var length [4]byte
	b := make([]byte, entryMax)
	for {
		if _, err := io.ReadFull(in, length[:]); err != nil {
			return end, nil
		}
		n := int(binary.BigEndian.Uint32(length[:]))
		if n > entryMax-4 {
			return end, nil
		}
		if _, err := io.ReadFull(in, b[:n+4]); err != nil || crc32.ChecksumIEEE(b[:n]) != binary.BigEndian.Uint32(b[n:]) {
			return end, nil
		}
		if e.parse(b[:n]) != nil {
			return end, nil
		}
		if err := yield(&e); err != nil {
			return end, err
		}
		end += int64(4 + n + 4)
	}
}

// replay takes over what the journal has: first who was contacted, so that
// nobody is again, then what they said.
func (c *Crawl) replay(j *Journal) error {
	end, err := j.each(func(e *entry) error {
		p, first := c.table.name(e.address, wantedBit)
		if p == noPlace {
			return fmt.Errorf("gnucrawl: journal: there is no room for its nodes: raise NodesMax above %d", c.o.NodesMax)
		}
		if first {
			c.wanted.Add(1)
		}
		return nil
	})
	if err != nil {
		return err
	}
	_, err = j.each(func(e *entry) error {
		p, _ := c.table.find(e.address)
		h := c.owner(e.address)
		r := e.record
		r.node, r.agent = p, h.agents.number(e.agent)
		if r.reason == OK {
			h.reply.Peers, h.reply.Leaves = append(h.reply.Peers[:0], e.peers...), append(h.reply.Leaves[:0], e.leaves...)
			h.edges(&r)
		}
		h.store.addRecord(r)
		c.byReason[r.reason].Add(1)
		c.before++
		return nil
	})
	if err != nil {
		return err
	}
	for _, h := range c.handlers {
		c.outstanding.Add(h.change)
		h.change = 0
		for k, places := range h.found {
			c.handlers[k].inbox = append(c.handlers[k].inbox, places...)
			h.found[k] = places[:0]
		}
	}
	if err := j.file.Truncate(end); err != nil {
		return fmt.Errorf("gnucrawl: journal: %w: %w", checkpoint.ErrWrite, err)
	}
	_, err = j.file.Seek(end, io.SeekStart)
	return err
}

// Before is how many nodes a crawl before has contacted, whose journal this
// one has gone on from.
func (c *Crawl) Before() int { return c.before }
