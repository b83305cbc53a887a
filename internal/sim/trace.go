package sim

import (
	"encoding/binary"
	"time"

	"myriad/tcpclient"
)

// trace is the hash of all that happened. It takes eight bytes at a time: every
// frame goes through it.
type trace struct{ sum uint64 }

func newTrace() *trace { return &trace{sum: 0x6d79726961640001} }

// frame notes a frame that one of the ends sent.
func (t *trace) frame(at time.Duration, who byte, data []byte) {
	t.note(at, who, uint64(len(data)))
	for ; len(data) >= 8; data = data[8:] {
		t.mix(binary.LittleEndian.Uint64(data))
	}
	var rest [8]byte
	copy(rest[:], data)
	t.mix(binary.LittleEndian.Uint64(rest[:]))
}

// event notes what the application heard.
func (t *trace) event(at time.Duration, e *tcpclient.Event) {
	t.note(at, 0x80|byte(e.Kind), e.User<<32|uint64(e.Reason)<<24|uint64(len(e.Data)))
}

func (t *trace) note(at time.Duration, what byte, n uint64) {
	t.mix(uint64(what))
	t.mix(uint64(at))
	t.mix(n)
}

// mix multiplies by an odd constant near 2⁶⁴ divided by the golden ratio, and
// folds the high half down, where the next word's low bits meet it.
func (t *trace) mix(word uint64) {
	t.sum = (t.sum ^ word) * 0x9e3779b97f4a7c15
	t.sum ^= t.sum >> 32
}
