package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"myriad/bench/internal/captured"
	"myriad/internal/testbed"
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
				file, err := os.Open(path)
				require.NoError(t, err)
				defer file.Close()
				up, down, err := captured.Read(file, transferPort)
				require.NoError(t, err)
				require.Equal(t, size, up.Longest())
				require.Equal(t, size, down.Longest())
				require.Greater(t, up.Within(size, size), 1000, "full segments of ours")
				require.Greater(t, down.Within(size, size), 1000, "full segments of the kernel's")
			})
		}
	}
}
