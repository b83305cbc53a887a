package scannet

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/signal"
	"sync"

	"golang.org/x/sys/unix"

	"myriad/iobackend"
	"myriad/iobackend/afpacket"
	"myriad/iobackend/afxdp"
)

const (
	// serverMark is in the environment of the child.
	serverMark = "MYRIAD_SCAN_SERVER"
	// ready is what the child says when it answers.
	ready = "ready\n"
	// frames per queue and direction.
	frames = 8192
)

// IsServer reports whether this process is the far end.
func IsServer() bool { return os.Getenv(serverMark) != "" }

// Serve is the child: it reads what to answer for from input, answers until
// the end of input, and writes its account.
func Serve(input io.Reader, output io.Writer) error {
	signal.Ignore(unix.SIGINT, unix.SIGTERM, unix.SIGHUP) // the parent decides
	var c Config
	if err := json.NewDecoder(input).Decode(&c); err != nil {
		return fmt.Errorf("scannet: %w", err)
	}
	device, err := open(c)
	if err != nil {
		return fmt.Errorf("scannet: %w", err)
	}
	defer device.Close()
	crew := newCrew(device, Hosts{c.Seed})
	if _, err := io.WriteString(output, ready); err != nil {
		return fmt.Errorf("scannet: %w", err)
	}
	_, _ = io.Copy(io.Discard, input) // until the parent ends, or says so
	counts, err := crew.stop()
	return errors.Join(err, json.NewEncoder(output).Encode(counts))
}

func open(c Config) (iobackend.Device, error) {
	config := iobackend.Config{
		Interface: farInterface, Addresses: []netip.Prefix{Prefix},
		ReceiveFrames: frames, SendFrames: frames,
	}
	if c.Backend == "afpacket" {
		return afpacket.Open(config)
	}
	return afxdp.Open(config)
}

// crew are the responders of all queues.
type crew struct {
	responders []*responder
	device     iobackend.Device
	quit       chan struct{}
	group      sync.WaitGroup
	errs       []error
}

func newCrew(device iobackend.Device, h Hosts) *crew {
	info := device.Info()
	c := &crew{device: device, quit: make(chan struct{}), errs: make([]error, info.Queues)}
	for k := range info.Queues {
		r := newResponder(device.Queue(k), h, [6]byte(info.HardwareAddr))
		c.responders = append(c.responders, r)
		c.group.Go(func() { c.errs[k] = r.run(c.quit) })
	}
	return c
}

func (c *crew) stop() (total Counts, err error) {
	close(c.quit)
	c.group.Wait()
	for k, r := range c.responders {
		d := c.device.Queue(k).Counters()
		r.counts.Lost = d.DropRingFull + d.DropFillEmpty + d.DropTransmit
		total.Add(&r.counts)
	}
	return total, errors.Join(c.errs...)
}
