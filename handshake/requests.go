package handshake

import (
	"errors"
	"sync"
	"sync/atomic"

	"myriad/linklayer"
)

// segmentBytes is the payload for whose multiples a request's checksums are
// computed beforehand: Ethernet's 1,500 less two headers of 20 bytes, which is
// what nearly every server on the Internet announces.
const segmentBytes = 1460

// interned is one request: its bytes and the checksums of its segments.
type interned struct {
	data []byte
	sums []linklayer.Sum // of data[k*segmentBytes:], one segment each
}

// Requests are bytes interned once and sent by any number of connections. Any
// goroutine may add; readers take no lock.
type Requests struct {
	mutex sync.Mutex
	list  atomic.Pointer[[]interned]
	bytes int
	Max   int // bytes of all requests together; 0 = 64 MiB
}

// ErrRequests: the bound on interned bytes is used up.
var ErrRequests = errors.New("handshake: intern: no room for more interned bytes")

// Add copies data and returns its number + 1, which is never 0.
func (r *Requests) Add(data []byte) (uint32, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	limit := r.Max
	if limit == 0 {
		limit = 64 << 20
	}
	if r.bytes+len(data) > limit {
		return 0, ErrRequests
	}
	in := interned{data: append([]byte(nil), data...)}
	for at := 0; at < len(data); at += segmentBytes {
		in.sums = append(in.sums, linklayer.SumOf(in.data[at:min(at+segmentBytes, len(data))]))
	}
	var list []interned
	if old := r.list.Load(); old != nil {
		list = *old
	}
	// append writes beyond the length that readers know of.
	list = append(list, in)
	r.list.Store(&list)
	r.bytes += len(data)
	return uint32(len(list)), nil
}

// Len is the number of bytes of request id; it panics for an id that Add did
// not return.
func (r *Requests) Len(id uint32) int { return len((*r.list.Load())[id-1].data) }

// Known reports whether Add returned id.
func (r *Requests) Known(id uint32) bool {
	l := r.list.Load()
	return id != 0 && l != nil && int(id) <= len(*l)
}

// piece puts up to limit bytes of request id, from offset on, into out.
func (r *Requests) piece(id uint32, offset, limit int, out *Out) {
	in := &(*r.list.Load())[id-1]
	end := min(offset+limit, len(in.data))
	out.Segment.Payload = in.data[offset:end]
	if offset%segmentBytes == 0 && end == min(offset+segmentBytes, len(in.data)) {
		out.Sum = in.sums[offset/segmentBytes]
	}
}
