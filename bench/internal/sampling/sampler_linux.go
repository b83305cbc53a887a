package sampling

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// ringBytes is what anybody may lock for each processor
	// (perf_event_mlock_kb), less the page that describes it.
	ringBytes = 512 << 10
	// drainEvery keeps a ring of one second's samples far from full.
	drainEvery = 50 * time.Millisecond
)

// ring is one processor's.
type ring struct {
	fd     int
	memory []byte
	page   *unix.PerfEventMmapPage
	data   []byte // the records, as they came
}

// Sampler is a measurement under way.
type Sampler struct {
	rings []*ring
	stop  chan struct{}
	done  chan struct{}
}

// Start begins on every processor.
func Start() (s *Sampler, err error) {
	s = &Sampler{stop: make(chan struct{}), done: make(chan struct{})}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	for cpu := range runtime.NumCPU() {
		r, err := open(cpu)
		if err != nil {
			return nil, fmt.Errorf("sampling: processor %d: %w", cpu, err)
		}
		s.rings = append(s.rings, r)
	}
	for _, r := range s.rings {
		if err := unix.IoctlSetInt(r.fd, unix.PERF_EVENT_IOC_ENABLE, 0); err != nil {
			return nil, fmt.Errorf("sampling: begin: %w", err)
		}
	}
	go s.drain()
	return s, nil
}

func open(cpu int) (*ring, error) {
	attr := unix.PerfEventAttr{
		Type: unix.PERF_TYPE_SOFTWARE, Config: unix.PERF_COUNT_SW_CPU_CLOCK,
		Size: uint32(unsafe.Sizeof(unix.PerfEventAttr{})), Sample: uint64(Period.Nanoseconds()),
		Sample_type: unix.PERF_SAMPLE_IP | unix.PERF_SAMPLE_TID | unix.PERF_SAMPLE_CALLCHAIN,
		Bits:        unix.PerfBitDisabled,
	}
	fd, err := unix.PerfEventOpen(&attr, -1, cpu, -1, unix.PERF_FLAG_FD_CLOEXEC)
	switch {
	case errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM):
		return nil, fmt.Errorf("perf_event_open: %w: perf_event_paranoid of 0 or less, or CAP_PERFMON, is needed", err)
	case err != nil:
		return nil, fmt.Errorf("perf_event_open: %w", err)
	}
	memory, err := unix.Mmap(fd, 0, os.Getpagesize()+ringBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("mmap: %w", err)
	}
	return &ring{fd: fd, memory: memory, page: (*unix.PerfEventMmapPage)(unsafe.Pointer(unsafe.SliceData(memory)))}, nil
}

// drain empties the rings until it is told to stop.
func (s *Sampler) drain() {
	defer close(s.done)
	every := time.NewTicker(drainEvery)
	defer every.Stop()
	for {
		for _, r := range s.rings {
			r.take()
		}
		select {
		case <-every.C:
		case <-s.stop:
			return
		}
	}
}

// take copies what is in the ring.
func (r *ring) take() {
	records := r.memory[len(r.memory)-ringBytes:]
	from, to := r.page.Data_tail, atomic.LoadUint64(&r.page.Data_head)
	for from < to {
		at := from % ringBytes
		n := min(to-from, ringBytes-at)
		r.data = append(r.data, records[at:at+n]...)
		from += n
	}
	atomic.StoreUint64(&r.page.Data_tail, to)
}

// Stop ends it, and sorts what was seen. The programs that are to be told apart
// must still be there, since the kernel forgets their names with them.
func (s *Sampler) Stop() (Profile, error) {
	for _, r := range s.rings {
		_ = unix.IoctlSetInt(r.fd, unix.PERF_EVENT_IOC_DISABLE, 0) // closed below, too
	}
	close(s.stop)
	<-s.done
	for _, r := range s.rings {
		r.take()
	}
	defer s.close()
	symbols, err := readSymbols()
	if err != nil {
		return Profile{}, err
	}
	var samples []sample
	var lost uint64
	for _, r := range s.rings {
		some, missing := symbols.samples(r.data)
		samples, lost = append(samples, some...), lost+missing
	}
	return count(samples, os.Getpid(), lost), nil
}

func (s *Sampler) close() {
	for _, r := range s.rings {
		_ = unix.Munmap(r.memory)
		_ = unix.Close(r.fd)
	}
	s.rings = nil
}

// samples reads records: struct perf_event_header, and for a sample the address,
// process and thread, and the stack's length and addresses.
func (y *symbols) samples(data []byte) (all []sample, lost uint64) {
	const header, fixed = 8, 32
	for len(data) >= header {
		kind, size := binary.NativeEndian.Uint32(data), int(binary.NativeEndian.Uint16(data[6:]))
		if size < header || size > len(data) {
			return all, lost
		}
		record := data[:size]
		data = data[size:]
		switch {
		case kind == unix.PERF_RECORD_LOST && size >= 24:
			lost += binary.NativeEndian.Uint64(record[16:])
		case kind == unix.PERF_RECORD_SAMPLE && size >= fixed:
			length := min(int(binary.NativeEndian.Uint64(record[24:])), (size-fixed)/8)
			addresses := make([]uint64, length)
			for k := range addresses {
				addresses[k] = binary.NativeEndian.Uint64(record[fixed+8*k:])
			}
			pid := int(int32(binary.NativeEndian.Uint32(record[16:])))
			all = append(all, sample{pid: pid, names: y.names(addresses, pid == os.Getpid())})
		}
	}
	return all, lost
}
