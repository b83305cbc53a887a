package overlaynet

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"myriad/examples/internal/gnutella"
	"myriad/examples/internal/overlay"
	"myriad/internal/netinfo"
)

//go:generate go run github.com/cilium/ebpf/cmd/bpf2go -tags linux -type counters -type text front front.c -- -O2 -Wall -Werror -I/usr/include/x86_64-linux-gnu

// front is the program that answers in the kernel.
type front struct {
	objects frontObjects
	memory  []byte // of the replies
}

// placeFront puts a front before the XDP program that is linked to an
// interface of this network namespace. What the front does not answer goes on
// to that program. It works until the link is closed.
func placeFront(name string, o *overlay.Overlay, texts *overlay.Texts, request []byte, secret uint64) (f *front, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("overlaynet: put a program before the far end's: %w", err)
		}
	}()
	spec, err := loadFront()
	if err != nil {
		return nil, err
	}
	words, err := requestWords(request)
	if err != nil {
		return nil, err
	}
	room := sizeReplies(spec, o, texts)
	for name, value := range map[string]any{
		"seed": o.Seed(), "secret": secret, "nodes": uint32(o.Nodes()),
		"base": o.Address(0).IP(), "usual_port": uint16(gnutella.DefaultPort), "leg": []byte(gnutella.ThirdLeg),
		"request": words, "request_bytes": uint32(len(request)), "request_sum": sum(request), "piece_bytes": uint32(room),
	} {
		if err := spec.Variables[name].Set(value); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	f = new(front)
	if err := spec.LoadAndAssign(&f.objects, nil); err != nil {
		return nil, err
	}
	if err := errors.Join(f.fillReplies(o, texts, room), f.place(name)); err != nil {
		return nil, errors.Join(err, f.close())
	}
	return f, nil
}

// requestWords is the request as the program has it.
func requestWords(request []byte) (words [512]byte, err error) {
	if len(request) > len(words) {
		return words, fmt.Errorf("a request of %d bytes: there is room for %d", len(request), len(words))
	}
	copy(words[:], request)
	return words, nil
}

// place has the link hold the front, and the front go on to what it held.
func (f *front) place(name string) error {
	in, err := netinfo.Lookup(name)
	if err != nil {
		return err
	}
	if err := f.sendBack(uint32(in.Index)); err != nil {
		return err
	}
	held, err := ebpf.NewProgramFromID(ebpf.ProgramID(in.XDPProgram))
	if err != nil {
		return err
	}
	defer held.Close()
	if err := f.objects.Behind.Put(uint32(0), held); err != nil {
		return err
	}
	l, err := linkOf(ebpf.ProgramID(in.XDPProgram))
	if err != nil {
		return err
	}
	defer l.Close() // the device keeps its own hold
	return l.Update(f.objects.Front)
}

// linkOf finds the link that holds an XDP program to its interface.
func linkOf(program ebpf.ProgramID) (link.Link, error) {
	var all link.Iterator
	defer all.Close()
	for all.Next() {
		// One that is just going away has no information.
		if info, err := all.Link.Info(); err == nil && info.Program == program && info.XDP() != nil {
			return all.Take(), nil
		}
	}
	return nil, errors.Join(all.Err(), fmt.Errorf("no link holds XDP program %d", program))
}

// account adds what the front answered to what the far end did. A nil front
// answered nothing.
func (f *front) account(c *Counts) error {
	if f == nil {
		return nil
	}
	var each []frontCounters
	if err := f.objects.Counts.Lookup(uint32(0), &each); err != nil {
		return fmt.Errorf("overlaynet: read what the front answered: %w", err)
	}
	for _, n := range each {
		c.Add(&Counts{
			SYNs: n.Syns, Refused: n.Refused, Requests: n.Requests, Swapped: n.Swapped, Segments: n.Segments, Bytes: n.Bytes,
			ThirdLegs: n.Legs, FINs: n.Fins, RSTs: n.Rsts, ACKs: n.Acks,
		})
	}
	return nil
}

func (f *front) close() error {
	if f == nil {
		return nil
	}
	err := f.objects.Close()
	if f.memory != nil {
		err = errors.Join(err, unix.Munmap(f.memory))
		f.memory = nil
	}
	return err
}
