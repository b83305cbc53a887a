package simlink

import (
	"bytes"
	"fmt"

	"myriad/iobackend"
)

// PoisonByte fills frames that are not in use, with Config.Debug.
const PoisonByte = 0xDB

// A handle names a frame: bit 63 is set for a send frame, bits 32 to 47 are the
// queue it belongs to, bits 0 to 31 its index there.
func makeHandle(send bool, queue int, index uint32) uint64 {
	h := uint64(queue)<<32 | uint64(index)
	if send {
		h |= 1 << 63
	}
	return h
}

func handleSend(h uint64) bool    { return h>>63 != 0 }
func handleQueue(h uint64) int    { return int(h >> 32 & 0xFFFF) }
func handleIndex(h uint64) uint32 { return uint32(h) }

// frameState says where a frame is.
type frameState uint8

const (
	stateHome   frameState = iota // free, or waiting in its own queue's inbox
	stateOut                      // with the user of a queue
	stateHanded                   // handed over, and not yet received there
)

// pool is frame memory. What nobody has used yet is not there yet.
type pool struct {
	name   string
	blocks [][]byte // of blockFrames frames each, nil until the first of them is taken
	size   int
	free   []uint32
	state  []frameState
	out    int    // frames not in stateHome
	poison []byte // what a free frame holds, with Debug
}

const blockFrames = 16

func newPool(name string, count, size int, debug bool) pool {
	p := pool{
		name: name, size: size, blocks: make([][]byte, (count+blockFrames-1)/blockFrames),
		free: make([]uint32, 0, count), state: make([]frameState, count),
	}
	for i := count - 1; i >= 0; i-- {
		p.free = append(p.free, uint32(i))
	}
	if debug {
		p.poison = bytes.Repeat([]byte{PoisonByte}, size)
	}
	return p
}

func (p *pool) bytes(h uint64) []byte {
	index := int(handleIndex(h))
	at := index % blockFrames * p.size
	return p.blocks[index/blockFrames][at : at+p.size : at+p.size]
}

// reach makes the block that a frame lies in, if it is the first there.
func (p *pool) reach(index uint32) {
	block := &p.blocks[index/blockFrames]
	if *block != nil {
		return
	}
	if p.poison == nil {
		*block = make([]byte, blockFrames*p.size)
		return
	}
	*block = bytes.Repeat(p.poison, blockFrames)
}

// take takes a free frame, and finds out whether it was written to meanwhile.
// The last one given back is the first one taken, so misuse shows soon.
func (p *pool) take() (index uint32, ok bool) {
	n := len(p.free)
	if n == 0 {
		return 0, false
	}
	index = p.free[n-1]
	p.free = p.free[:n-1]
	p.reach(index)
	if p.poison != nil && !bytes.Equal(p.bytes(uint64(index)), p.poison) {
		panic(fmt.Sprintf("simlink: %s frame %d was written to after it was given back", p.name, index))
	}
	return index, true
}

// lend gives a frame to the user of a queue.
func (p *pool) lend(h uint64) {
	state := &p.state[handleIndex(h)]
	if *state == stateHome {
		p.out++
	}
	*state = stateOut
}

// handOver takes a frame that is out back, on its way to another queue.
func (p *pool) handOver(h uint64) { p.state[handleIndex(h)] = stateHanded }

func (p *pool) isOut(h uint64) bool {
	return int(handleIndex(h)) < len(p.state) && p.state[handleIndex(h)] == stateOut
}

// giveBack frees a frame that is out; false when it is not.
func (p *pool) giveBack(h uint64) bool {
	if !p.isOut(h) {
		return false
	}
	p.state[handleIndex(h)] = stateHome
	p.out--
	if p.poison != nil {
		copy(p.bytes(h), p.poison)
	}
	p.free = append(p.free, handleIndex(h))
	return true
}

// checkBounds panics, with Debug, when the Data of a frame is not the beginning
// of the frame's own memory: real devices take it from there.
func (p *pool) checkBounds(f *iobackend.Frame) {
	if p.poison == nil || len(f.Data) == 0 {
		return
	}
	if &f.Data[0] != &p.bytes(f.Handle)[0] || len(f.Data) > p.size {
		panic(fmt.Sprintf("simlink: %s frame %d: Data is not the frame's own memory from its beginning", p.name, handleIndex(f.Handle)))
	}
}
