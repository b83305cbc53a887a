package interop

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/tcpclient"
)

// The kernel's own traffic crosses the veth that Myriad works on as if nobody
// else were there: each ping is answered, no connection is reset, no byte is
// wrong.
func TestKernelKeepsWorkingBesideUs(t *testing.T) {
	for _, backend := range []string{"afxdp", "afpacket"} {
		t.Run(backend, func(t *testing.T) {
			w := newWorld(t, backend)
			transferServer(w, nil)
			before, err := w.near.Counters()
			require.NoError(t, err)
			crew := newCrew(w, tcpclient.Config{})
			var stop atomic.Bool
			var pings, rounds int
			var pinged, echoed error
			var wait sync.WaitGroup
			wait.Go(func() { pings, pinged = pingUntil(w, &stop) })
			wait.Go(func() { rounds, echoed = echoUntil(w, &stop) })
			for k := range 4 {
				tasks := append(transfers(download, 8, 1<<20), transfers(upload, 8, 256<<10)...)
				tasks = append(tasks, transfers(echo, 200, 500+k)...)
				crew.run(t, 64, tasks...)
			}
			crew.close(t)
			// Nor does it notice that Myriad has gone.
			time.Sleep(50 * time.Millisecond)
			stop.Store(true)
			wait.Wait()
			require.NoError(t, pinged)
			require.NoError(t, echoed)
			require.Greater(t, pings, 5)
			require.Greater(t, rounds, 5)
			after, err := w.near.Counters()
			require.NoError(t, err)
			for _, name := range []string{"TcpAttemptFails", "TcpEstabResets", "TcpOutRsts", "TcpInErrs"} {
				require.Equal(t, before[name], after[name], name)
			}
		})
	}
}

// echoUntil sends and reads back over one connection of the near kernel.
func echoUntil(w *world, stop *atomic.Bool) (rounds int, err error) {
	c, err := w.near.DialContext(w.t.Context(), "tcp4", target(9, transferPort).String())
	if err != nil {
		return 0, err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	var head [requestBytes]byte
	head[0] = echo
	if _, err := c.Write(head[:]); err != nil {
		return 0, err
	}
	for ; !stop.Load(); rounds++ {
		block := contentBytes(uint64(rounds), 3000)
		if _, err := c.Write(block); err != nil {
			return rounds, err
		}
		if _, err := io.CopyN(newChecker(uint64(rounds)), c, int64(len(block))); err != nil {
			return rounds, err
		}
		time.Sleep(2 * time.Millisecond)
	}
	return rounds, nil
}

// pingUntil has the near kernel ask the far one, and reports a lost answer.
func pingUntil(w *world, stop *atomic.Bool) (answered int, err error) {
	c, err := w.near.ListenPacket("ip4:icmp", "0.0.0.0")
	if err != nil {
		return 0, err
	}
	defer c.Close()
	to := &net.IPAddr{IP: w.gateway.AsSlice()}
	buffer := make([]byte, 1500)
	for ; !stop.Load(); answered++ {
		if _, err := c.WriteTo(echoRequest(answered), to); err != nil {
			return answered, fmt.Errorf("ping: %w", err)
		}
		c.SetReadDeadline(time.Now().Add(10 * time.Second))
		for {
			n, _, err := c.ReadFrom(buffer)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				return answered, fmt.Errorf("ping %d of %d was not answered", answered, answered+1)
			}
			if err != nil {
				return answered, err
			}
			if n >= 8 && buffer[0] == 0 && int(binary.BigEndian.Uint16(buffer[6:])) == answered&0xffff {
				break
			}
		}
		time.Sleep(2 * time.Millisecond)
	}
	return answered, nil
}

// echoRequest is an ICMP echo request (RFC 792).
func echoRequest(number int) []byte {
	b := make([]byte, 64)
	b[0] = 8
	binary.BigEndian.PutUint16(b[4:], 0x6d79)
	binary.BigEndian.PutUint16(b[6:], uint16(number))
	binary.BigEndian.PutUint16(b[2:], internetSum(b))
	return b
}

// internetSum is RFC 1071's checksum of an even number of bytes.
func internetSum(b []byte) uint16 {
	sum := uint32(0)
	for k := 0; k < len(b); k += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[k:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
