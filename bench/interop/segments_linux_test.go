package interop

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"myriad/internal/testbed"
	"myriad/iobackend/pcapfile"
	"myriad/linklayer"
	"myriad/tcpclient"
)

// Segments of every size that a link allows, both ways and under loss: 3,400
// bytes are the most that AF_XDP takes on a veth, 8,960 those of a jumbo frame.
func TestSegmentSizesUnderLoss(t *testing.T) {
	for _, c := range []struct {
		backend string
		sizes   []int
	}{{"afxdp", []int{536, 1460, 3400}}, {"afpacket", []int{536, 1460, 3400, 8960}}} {
		for _, size := range c.sizes {
			t.Run(fmt.Sprintf("%s/%d", c.backend, size), func(t *testing.T) {
				t.Parallel()
				loss := []string{testbed.DropTCP(20)}
				w := newPathWorld(t, c.backend, testbed.PathConfig{
					MTU: size + 40, NoXDP: size > 3400, TowardNear: loss, TowardFar: loss,
				})
				transferServer(w, nil)
				path := filepath.Join(t.TempDir(), "segments.pcap")
				crew := newCrew(w, patient(tcpclient.Config{Interfaces: []tcpclient.Interface{w.captured(path)}}))
				tasks := append(transfers(download, 4, 400*size), transfers(upload, 4, 400*size)...)
				crew.run(t, len(tasks), tasks...)
				requireLossRepaired(t, w, crew)
				up, down := segmentsOf(readCapture(t, path), size)
				require.Greater(t, up, 1000, "full segments of ours")
				require.Greater(t, down, 1000, "full segments of the kernel's")
			})
		}
	}
}

// segmentsOf counts the segments of exactly size bytes, each way; a longer one
// counts as -1 million.
func segmentsOf(frames []pcapfile.Frame, size int) (up, down int) {
	for k := range frames {
		var p linklayer.Packet
		if linklayer.Parse(frames[k].Data, false, &p) != linklayer.DropNone || p.Kind != linklayer.KindTCP {
			continue
		}
		count := &down
		if p.DestinationPort == transferPort {
			count = &up
		}
		switch n := len(p.Segment.Payload); {
		case n == size:
			*count++
		case n > size:
			*count -= 1_000_000
		}
	}
	return up, down
}
