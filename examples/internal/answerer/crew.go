package answerer

import (
	"errors"
	"sync"

	"myriad/iobackend"
)

// Crew are the loops of all queues of a device.
type Crew struct {
	quit  chan struct{}
	group sync.WaitGroup
	errs  []error
}

// Start begins to answer. recruit is called once for each queue, and returns
// what answers its packets; the frame is that of the packet in hand.
func Start(device iobackend.Device, recruit func(l *Loop) (answer func(frame []byte))) *Crew {
	info := device.Info()
	c := &Crew{quit: make(chan struct{}), errs: make([]error, info.Queues)}
	for k := range info.Queues {
		l := newLoop(device.Queue(k), [6]byte(info.HardwareAddr))
		answer := recruit(l)
		c.group.Go(func() { c.errs[k] = l.run(c.quit, answer) })
	}
	return c
}

// Stop ends the loops, and returns what ended one before.
func (c *Crew) Stop() error {
	close(c.quit)
	c.group.Wait()
	return errors.Join(c.errs...)
}
