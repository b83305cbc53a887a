package irlstack

import (
	"errors"
	"fmt"
	"net"
	"time"

	"myriad/iobackend"
)

// Options are what only this backend is told; zero means the default.
type Options struct {
	// RequestFrames is how many frames of full length a request holds: 512, at
	// most 4,096. The paper finds 128 to 1,024 of use, and about 512 best.
	RequestFrames int
}

const (
	defaultRequestFrames = 512
	maxRequestFrames     = 4096
	defaultFrames        = 4096
	maxFrames            = 1 << 16
	requestsMin          = 2 // reads outstanding, or the driver would have none while we carve
)

// Device is an opened adapter.
type Device struct {
	info          iobackend.Info
	driver        driver
	queue         *Queue
	requestFrames int
	closeErr      error
}

var _ iobackend.Device = (*Device)(nil)

// withDefaults checks what can be checked before the driver is asked.
func withDefaults(c *iobackend.Config, o *Options) error {
	if c.ReceiveFrames == 0 {
		c.ReceiveFrames = defaultFrames
	}
	if c.SendFrames == 0 {
		c.SendFrames = defaultFrames
	}
	if o.RequestFrames == 0 {
		o.RequestFrames = min(defaultRequestFrames, max(c.ReceiveFrames/requestsMin, 1))
	}
	switch {
	case c.Shared != nil:
		return fmt.Errorf("irlstack: open: Shared: an address cannot be shared with Windows: give Addresses of your own: %w", iobackend.ErrNotSupported)
	case len(c.Addresses) == 0:
		return errors.New("irlstack: open: Addresses: none: give at least one prefix that nobody else uses")
	case len(c.Addresses) > addressesMax:
		return fmt.Errorf("irlstack: open: Addresses: %d prefixes exceed the %d that can be registered: join neighbours", len(c.Addresses), addressesMax)
	case c.Queues > 1:
		return fmt.Errorf("irlstack: open: Queues %d exceeds 1: a handle of the driver is one queue", c.Queues)
	case o.RequestFrames < 0 || o.RequestFrames > maxRequestFrames:
		return fmt.Errorf("irlstack: open: RequestFrames %d is not between 1 and %d", o.RequestFrames, maxRequestFrames)
	}
	for _, f := range []struct {
		name  string
		value int
	}{{"ReceiveFrames", c.ReceiveFrames}, {"SendFrames", c.SendFrames}} {
		if f.value < 1 || f.value > maxFrames || f.value&(f.value-1) != 0 {
			return fmt.Errorf("irlstack: open: %s %d is not a power of two up to %d", f.name, f.value, maxFrames)
		}
	}
	if c.ReceiveFrames < requestsMin*o.RequestFrames {
		return fmt.Errorf("irlstack: open: ReceiveFrames %d is less than %d requests of %d frames: raise it, or lower RequestFrames", c.ReceiveFrames, requestsMin, o.RequestFrames)
	}
	for _, p := range c.Addresses {
		if !p.IsValid() {
			return fmt.Errorf("irlstack: open: Addresses: %v is no prefix", p)
		}
	}
	return nil
}

// newDevice asks the driver for the adapter, registers the addresses and
// begins to read. The configuration has its defaults. With an error the driver
// is closed.
func newDevice(d driver, c iobackend.Config, o Options, index uint32) (dev *Device, err error) {
	defer func() {
		if err != nil {
			_ = d.close()
			err = fmt.Errorf("irlstack: open: %w", err)
		}
	}()
	answer, err := ask(d, appendHello(nil, index), c.Interface, nil)
	if err != nil {
		return nil, err
	}
	h, err := parseHello(answer)
	if err != nil {
		return nil, err
	}
	completes := h.features&featureTransmitChecksum != 0
	if c.TransmitChecksum == iobackend.OffloadOn && !completes {
		return nil, fmt.Errorf("TransmitChecksum: %w: the driver of %q does not complete checksums: give OffloadAuto", iobackend.ErrNotSupported, c.Interface)
	}
	frameBytes := h.mtu + FrameMin
	requestBytes := o.RequestFrames * Stride(frameBytes)
	if requestBytes > h.requestBytes {
		return nil, fmt.Errorf("RequestFrames %d: requests of %d bytes exceed the %d that the driver of %q takes: lower it to %d", o.RequestFrames, requestBytes, h.requestBytes, c.Interface, h.requestBytes/Stride(frameBytes))
	}
	if _, err = ask(d, appendRegister(nil, c.Addresses), c.Interface, c.Addresses); err != nil {
		return nil, err
	}
	dev = &Device{driver: d, requestFrames: o.RequestFrames}
	dev.info = iobackend.Info{
		Name: c.Interface, Method: "irlstack", HardwareAddr: net.HardwareAddr(h.mac[:]),
		MTU: h.mtu, TransmitChecksum: completes && c.TransmitChecksum != iobackend.OffloadOff, Queues: 1, FrameBytes: frameBytes, BatchMax: min(c.ReceiveFrames, c.SendFrames),
	}
	dev.queue = newQueue(dev, c.ReceiveFrames/o.RequestFrames, requestBytes, c.SendFrames)
	if h.features&featureReceiveChecksum != 0 {
		dev.queue.carver.Trust = FlagChecksumOK
	}
	for number := range dev.queue.reads {
		dev.queue.giveBack(number)
	}
	if dev.queue.reading == 0 {
		err = errors.Join(fmt.Errorf("the driver takes no read request of %d bytes: lower RequestFrames or ReceiveFrames, or restart the driver", requestBytes), dev.queue.failure)
	}
	return dev, err
}

// writeNumber numbers the write request whose first slot is given.
func (d *Device) writeNumber(slot int) int { return len(d.queue.reads) + slot }

// Info describes the device.
func (d *Device) Info() iobackend.Info { return d.info }

// Queue returns the one queue there is.
func (d *Device) Queue(int) iobackend.Queue { return d.queue }

// Faults reads what was wrong with received buffers. Any goroutine may call
// it.
func (d *Device) Faults() Faults { return d.queue.Faults() }

// How long Close waits for what is being sent, and for cancelled requests.
const (
	drainLimit  = 500 * time.Millisecond
	cancelLimit = 5 * time.Second
)

// Close lets what is being sent leave, cancels what is outstanding, waits for
// its end, and closes the handle, upon which the driver forgets our addresses.
// It may be called twice. When the driver does not give requests back, the
// error says so, and their memory is never used again.
func (d *Device) Close() error {
	q := d.queue
	q.closing.Lock()
	again := q.closed
	q.closed = true
	q.closing.Unlock()
	if again {
		return d.closeErr
	}
	q.settle(drainLimit, func() bool { return q.writes == 0 })
	if q.failure == nil {
		q.failure = iobackend.ErrClosed
	}
	d.driver.cancel()
	q.settle(cancelLimit, func() bool { return q.writes+q.reading == 0 })
	q.publish()
	if left := q.writes + q.reading; left > 0 {
		abandoned.keep(d)
		d.closeErr = fmt.Errorf("irlstack: close: %s: the driver keeps %d requests", d.info.Name, left)
	}
	if err := d.driver.close(); err != nil {
		d.closeErr = errors.Join(d.closeErr, fmt.Errorf("irlstack: close: %s: %w", d.info.Name, err))
	}
	return d.closeErr
}

// settle collects what has ended until done, or for as long as limit.
func (q *Queue) settle(limit time.Duration, done func() bool) {
	for end := now() + limit; !done(); {
		left := end - now()
		if left <= 0 || q.collect(left) != nil {
			return
		}
	}
}
