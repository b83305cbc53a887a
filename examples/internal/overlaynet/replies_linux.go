package overlaynet

import (
	"encoding/binary"
	"fmt"
	"os"
	"runtime/debug"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"myriad/examples/internal/overlay"
)

// partsMax is PARTS of reply.h.
const partsMax = 3

// sizeReplies sets what the maps of replies have room for: as many texts as
// there are ultrapeers, and pieces of so many bytes.
func sizeReplies(spec *ebpf.CollectionSpec, o *overlay.Overlay, texts *overlay.Texts) (room int) {
	for _, piece := range texts.Pieces() {
		room = max(room, len(piece))
	}
	page := os.Getpagesize()
	room = (room + SegmentBytes + page - 1) &^ (page - 1)
	spec.Maps[frontMapTexts].MaxEntries = uint32(o.Nodes())
	pieces := spec.Maps[frontMapPieces]
	pieces.MaxEntries = uint32(len(texts.Pieces()))
	pieces.ValueSize, pieces.Key, pieces.Value = uint32(room), nil, nil
	return room
}

// fillReplies moves the texts to the program's memory, and tells it where each
// lies.
func (f *front) fillReplies(o *overlay.Overlay, texts *overlay.Texts, room int) (err error) {
	pieces := texts.Pieces()
	if f.memory, err = mapArray(f.objects.Pieces, room*len(pieces)); err != nil {
		return err
	}
	for k, piece := range pieces {
		pieces[k] = f.memory[k*room:][:copy(f.memory[k*room:], piece)]
	}
	debug.FreeOSMemory() // as much again: that of the pieces before
	places, err := mapArray(f.objects.Texts, o.Nodes()*int(unsafe.Sizeof(frontText{})))
	if err != nil {
		return err
	}
	defer unix.Munmap(places)
	all := unsafe.Slice((*frontText)(unsafe.Pointer(unsafe.SliceData(places))), o.Nodes())
	for node := range all {
		if err := placeText(&all[node], texts, uint32(node)); err != nil {
			return err
		}
	}
	return nil
}

// placeText says where an ultrapeer's reply lies.
func placeText(t *frontText, texts *overlay.Texts, node uint32) error {
	piece, from, _ := texts.Where(node)
	reply := texts.Reply(node)
	if len(reply) > partsMax*SegmentBytes {
		return fmt.Errorf("a reply of %d bytes: there is room for %d", len(reply), partsMax*SegmentBytes)
	}
	*t = frontText{Piece: uint32(piece), From: from, Length: uint16(len(reply))}
	for k := 0; k*SegmentBytes < len(reply); k++ {
		t.Sums[k] = sum(reply[k*SegmentBytes : min((k+1)*SegmentBytes, len(reply))])
	}
	return nil
}

// mapArray maps an array's values, of so many bytes in all.
func mapArray(m *ebpf.Map, bytes int) ([]byte, error) {
	page := os.Getpagesize()
	b, err := unix.Mmap(m.FD(), 0, (bytes+page-1)&^(page-1), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map %v: %w", m, err)
	}
	return b, nil
}

// sendBack has all copies of a request leave by the interface, through the
// program that makes parts of the reply of them.
func (f *front) sendBack(index uint32) error {
	entry := struct{ index, program uint32 }{index, uint32(f.objects.Reply.FD())}
	for _, m := range []*ebpf.Map{f.objects.Copies1, f.objects.Copies2, f.objects.Copies3, f.objects.Copies4} {
		for k := range m.MaxEntries() {
			if err := m.Put(k, unsafe.Slice((*byte)(unsafe.Pointer(&entry)), unsafe.Sizeof(entry))); err != nil {
				return err
			}
		}
	}
	return nil
}

// sum adds up 16-bit words as they lie in memory, with their carries, as the
// Internet checksum does. An odd last byte has a zero behind it.
func sum(b []byte) uint16 {
	total := uint64(0)
	for ; len(b) >= 4; b = b[4:] {
		total += uint64(binary.NativeEndian.Uint32(b))
	}
	var last [4]byte
	copy(last[:], b)
	total += uint64(binary.NativeEndian.Uint32(last[:]))
	for total > 1<<16-1 {
		total = total>>16 + total&(1<<16-1)
	}
	return uint16(total)
}
