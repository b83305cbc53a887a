package pcapfile

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
)

// handedOver remembers the pieces on their way from queue to queue, so that
// they are written once. It knows them by their bytes: a backend may copy, and
// give another handle. As many are remembered as the backend has on their way.
type handedOver struct {
	seed    maphash.Seed
	mu      sync.Mutex
	pending map[handedKey]int
	count   atomic.Int64 // of all pending: no lock without hand-over
}

type handedKey struct {
	to    int
	bytes int
	hash  uint64
}

func (h *handedOver) init() {
	h.seed = maphash.MakeSeed()
	h.pending = map[handedKey]int{}
}

func (h *handedOver) key(to int, data []byte) handedKey {
	return handedKey{to, len(data), maphash.Bytes(h.seed, data)}
}

func (h *handedOver) add(to int, data []byte) handedKey {
	key := h.key(to, data)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.pending[key]++
	h.count.Add(1)
	return key
}

// remove tells whether the piece was handed over, and forgets it.
func (h *handedOver) remove(to int, data []byte) bool {
	if h.count.Load() == 0 {
		return false
	}
	return h.undo(h.key(to, data))
}

func (h *handedOver) undo(key handedKey) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.pending[key]
	switch n {
	case 0:
		return false
	case 1:
		delete(h.pending, key)
	default:
		h.pending[key] = n - 1
	}
	h.count.Add(-1)
	return true
}
