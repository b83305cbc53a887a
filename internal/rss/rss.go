package rss

import (
	"encoding/binary"
	"fmt"
)

// inputBytes are the hashed fields of TCP over IPv4: two addresses, two ports.
const inputBytes = 12

// KeyMin is the shortest key that reaches over them: the hash takes 32 bits of
// the key for each bit of the fields.
const KeyMin = inputBytes + 4

// tableMax bounds the indirection table; cards have up to a few thousand.
const tableMax = 1 << 16

// Config is what a card says of itself.
type Config struct {
	Key []byte
	// Indirection is the queue by the hash's lowest bits; its length is a power
	// of two.
	Indirection []uint32
}

// Hash is a card's.
type Hash struct {
	parts [inputBytes][256]uint32 // by place and value of a byte
	queue []uint32
}

// New refuses what no card has.
func New(c Config) (*Hash, error) {
	n := len(c.Indirection)
	switch {
	case len(c.Key) < KeyMin:
		return nil, fmt.Errorf("rss: a key of %d bytes is shorter than %d", len(c.Key), KeyMin)
	case n == 0 || n&(n-1) != 0 || n > tableMax:
		return nil, fmt.Errorf("rss: an indirection table of %d is not a power of two up to %d", n, tableMax)
	}
	h := &Hash{queue: append([]uint32(nil), c.Indirection...)}
	for at := range h.parts {
		window := binary.BigEndian.Uint64(append(append([]byte(nil), c.Key[at:at+5]...), 0, 0, 0))
		for value := range h.parts[at] {
			for bit := range 8 {
				if value&(0x80>>bit) != 0 {
					h.parts[at][value] ^= uint32(window << bit >> 32)
				}
			}
		}
	}
	return h, nil
}

// Remote is the part of the peer's address and port, which come first.
func (h *Hash) Remote(address uint32, port uint16) uint32 {
	return h.address(0, address) ^ h.port(8, port)
}

// Local is the part of our address.
func (h *Hash) Local(address uint32) uint32 { return h.address(4, address) }

// Port is the part of our port.
func (h *Hash) Port(port uint16) uint32 { return h.port(10, port) }

// Queue is where a packet with that hash arrives.
func (h *Hash) Queue(hash uint32) uint32 { return h.queue[hash&uint32(len(h.queue)-1)] }

func (h *Hash) address(at int, a uint32) uint32 {
	return h.parts[at][a>>24] ^ h.parts[at+1][a>>16&255] ^ h.parts[at+2][a>>8&255] ^ h.parts[at+3][a&255]
}

func (h *Hash) port(at int, p uint16) uint32 { return h.parts[at][p>>8] ^ h.parts[at+1][p&255] }
