package sim

import (
	"encoding/binary"
	"hash"
	"hash/fnv"
	"time"

	"myriad/tcpclient"
)

// trace is the hash of all that happened.
type trace struct {
	sum  hash.Hash64
	word [17]byte
}

func newTrace() *trace { return &trace{sum: fnv.New64a()} }

// frame notes a frame that one of the ends sent.
func (t *trace) frame(at time.Duration, who byte, data []byte) {
	t.note(at, who, uint64(len(data)), data)
}

// event notes what the application heard.
func (t *trace) event(at time.Duration, e *tcpclient.Event) {
	t.note(at, 0x80|byte(e.Kind), e.User<<32|uint64(e.Reason)<<24|uint64(len(e.Data)), nil)
}

func (t *trace) note(at time.Duration, what byte, n uint64, data []byte) {
	t.word[0] = what
	binary.LittleEndian.PutUint64(t.word[1:], uint64(at))
	binary.LittleEndian.PutUint64(t.word[9:], n)
	t.sum.Write(t.word[:])
	t.sum.Write(data)
}
