package peers

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"sync"
	"syscall"
	"time"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/channel"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"

	"myriad/internal/sim"
)

// Virtual is gVisor's netstack in a simulated world's time.
type Virtual struct {
	around  sim.Surroundings
	stack   *stack.Stack
	link    *channel.Endpoint
	packet  []byte
	id      uint16
	mutex   sync.Mutex // guards changed: netstack appends to it while we wait
	changed []*virtualSocket
}

var _ sim.Foreign = (*Virtual)(nil)

// NewVirtual makes a stack whose settings the seed draws.
func NewVirtual(around sim.Surroundings) (sim.Foreign, error) {
	v := &Virtual{around: around, link: channel.New(queueFrames, uint32(around.MTU), "")}
	draw := rand.New(rand.NewPCG(around.Seed, 21))
	randomness := newRandomness(around.Seed)
	v.stack = stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{oneProcessor(draw.IntN(2) == 0)},
		Clock:              &virtualClock{v}, RandSource: randomness, SecureRNG: randomness,
	})
	if err := v.configure(draw); err != nil {
		v.stack.Destroy()
		return nil, fmt.Errorf("peers: virtual netstack: %w", err)
	}
	return v, nil
}

// processors guards the number of processors, which is the whole program's.
var processors sync.Mutex

// oneProcessor makes netstack's TCP with one goroutine that works off segments;
// it makes as many as there are processors. With one, whatever it does is over
// when that goroutine waits, and is done in one order.
func oneProcessor(cubic bool) stack.TransportProtocolFactory {
	return func(s *stack.Stack) stack.TransportProtocol {
		processors.Lock()
		defer processors.Unlock()
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
		if cubic {
			return tcp.NewProtocolCUBIC(s)
		}
		return tcp.NewProtocol(s)
	}
}

func (v *Virtual) configure(draw *rand.Rand) error {
	if err := v.stack.CreateNIC(nic, v.link); err != nil {
		return errors.New(err.String())
	}
	for _, a := range v.around.Addresses {
		address := tcpip.ProtocolAddress{Protocol: ipv4.ProtocolNumber, AddressWithPrefix: tcpip.AddrFrom4(a.As4()).WithPrefix()}
		if err := v.stack.AddProtocolAddress(nic, address, stack.AddressProperties{}); err != nil {
			return errors.New(err.String())
		}
	}
	v.stack.SetRouteTable([]tcpip.Route{{Destination: header.IPv4EmptySubnet, NIC: nic}})
	// It never gives up by itself, and stays in TIME-WAIT for as long as our FIN
	// may come again.
	sack := tcpip.TCPSACKEnabled(draw.IntN(3) > 0)
	recovery := tcpip.TCPRecovery(draw.IntN(2)) // RACK or none
	moderate := tcpip.TCPModerateReceiveBufferOption(draw.IntN(2) == 0)
	retries, synRetries := tcpip.TCPMaxRetriesOption(200), tcpip.TCPSynRetriesOption(200)
	longest, timeWait := tcpip.TCPMaxRTOOption(10*time.Second), tcpip.TCPTimeWaitTimeoutOption(time.Hour)
	receive := tcpip.TCPReceiveBufferSizeRangeOption{Min: 4 << 10, Default: []int{16 << 10, 64 << 10, 1 << 20}[draw.IntN(3)], Max: 4 << 20}
	send := tcpip.TCPSendBufferSizeRangeOption{Min: 4 << 10, Default: []int{4 << 10, 64 << 10}[draw.IntN(2)], Max: 4 << 20}
	for _, option := range []tcpip.SettableTransportProtocolOption{
		&sack, &recovery, &moderate, &retries, &synRetries, &longest, &timeWait, &receive, &send,
	} {
		if err := v.stack.SetTransportProtocolOption(tcp.ProtocolNumber, option); err != nil {
			return fmt.Errorf("option %T: %s", option, err)
		}
	}
	return nil
}

// Hear gives the stack a packet.
func (v *Virtual) Hear(packet []byte) {
	p := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData(bytes.Clone(packet))})
	v.link.InjectInbound(ipv4.ProtocolNumber, p)
	p.DecRef()
}

// Settle waits until the goroutine that works off segments has none left, tells
// the application what has changed, and again, until nothing does. Pause is what
// netstack is saved to a checkpoint by: it ends when the queue is empty and the
// goroutine stands still.
func (v *Virtual) Settle() {
	for {
		v.stack.Pause()
		v.stack.Resume()
		v.flush()
		sockets := v.takeChanged()
		if len(sockets) == 0 {
			return
		}
		for _, s := range sockets {
			s.told()
		}
	}
}

func (v *Virtual) takeChanged() []*virtualSocket {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	all := v.changed
	v.changed = nil
	for _, s := range all {
		s.noted = false
	}
	return all
}

// note remembers a socket until it can be told of the change; netstack holds
// locks of its own.
func (v *Virtual) note(s *virtualSocket) {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	if !s.noted {
		s.noted = true
		v.changed = append(v.changed, s)
	}
}

// flush puts what the stack sent onto the wire. It numbers packets that are not
// atomic by a hash with a random number that cannot be chosen, so they get
// another number here.
func (v *Virtual) flush() {
	for p := v.link.Read(); p != nil; p = v.link.Read() {
		v.packet = v.packet[:0]
		for _, piece := range p.AsSlices() {
			v.packet = append(v.packet, piece...)
		}
		p.DecRef()
		if ip := header.IPv4(v.packet); ip.ID() != 0 {
			v.id++
			ip.SetID(v.id)
			ip.SetChecksum(0)
			ip.SetChecksum(^ip.CalculateChecksum())
		}
		v.around.Send(v.packet)
	}
}

// Close ends the stack, and its goroutine.
func (v *Virtual) Close() { v.stack.Destroy() }

// virtualSocket is an endpoint. One that listens has no application of its own.
type virtualSocket struct {
	endpoint tcpip.Endpoint
	told     func() // the application, of a change
	noted    bool   // it will be told
}

// watch has the application told of what happens to an endpoint.
func (v *Virtual) watch(s *virtualSocket, queue *waiter.Queue) {
	entry := waiter.NewFunctionEntry(waiter.ReadableEvents|waiter.WritableEvents|waiter.EventHUp|waiter.EventErr,
		func(waiter.EventMask) { v.note(s) })
	queue.EventRegister(&entry)
}

// Listen accepts connections to a port.
func (v *Virtual) Listen(port uint16, accepted func(sim.Socket) func()) error {
	queue := new(waiter.Queue)
	endpoint, err := v.stack.NewEndpoint(tcp.ProtocolNumber, ipv4.ProtocolNumber, queue)
	if err == nil {
		err = endpoint.Bind(tcpip.FullAddress{NIC: nic, Port: port})
	}
	if err == nil {
		err = endpoint.Listen(backlog)
	}
	if err != nil {
		return fmt.Errorf("peers: listen to port %d: %s", port, err)
	}
	listener := &virtualSocket{endpoint: endpoint}
	listener.told = func() { v.accept(listener, accepted) }
	v.watch(listener, queue)
	return nil
}

func (v *Virtual) accept(listener *virtualSocket, accepted func(sim.Socket) func()) {
	for {
		endpoint, queue, err := listener.endpoint.Accept(nil)
		if err != nil {
			return // there is none
		}
		s := &virtualSocket{endpoint: endpoint}
		s.told = accepted(s)
		v.watch(s, queue)
		v.note(s) // what came with the handshake's end
	}
}

// Connect opens a connection to ours.
func (v *Virtual) Connect(local, remote netip.AddrPort, changed func()) (sim.Socket, error) {
	queue := new(waiter.Queue)
	endpoint, err := v.stack.NewEndpoint(tcp.ProtocolNumber, ipv4.ProtocolNumber, queue)
	if err != nil {
		return nil, fmt.Errorf("peers: connect: %s", err)
	}
	s := &virtualSocket{endpoint: endpoint, told: changed}
	v.watch(s, queue)
	if err = endpoint.Bind(full(local)); err == nil {
		err = endpoint.Connect(full(remote))
	}
	if _, ok := err.(*tcpip.ErrConnectStarted); !ok && err != nil {
		return nil, fmt.Errorf("peers: connect %v to %v: %s", local, remote, err)
	}
	return s, nil
}

func full(a netip.AddrPort) tcpip.FullAddress {
	return tcpip.FullAddress{NIC: nic, Addr: tcpip.AddrFrom4(a.Addr().As4()), Port: a.Port()}
}

// Read reads what there is.
func (s *virtualSocket) Read(b []byte) (int, error) {
	w := tcpip.SliceWriter(b)
	r, err := s.endpoint.Read(&w, tcpip.ReadOptions{})
	return r.Count, asError(err)
}

// Write writes what there is room for.
func (s *virtualSocket) Write(b []byte) (int, error) {
	n, err := s.endpoint.Write(bytes.NewReader(b), tcpip.WriteOptions{})
	return int(n), asError(err)
}

// CloseWrite sends FIN after what was written.
func (s *virtualSocket) CloseWrite() error { return asError(s.endpoint.Shutdown(tcpip.ShutdownWrite)) }

// Close gives the endpoint back.
func (s *virtualSocket) Close() { s.endpoint.Close() }

// Abort sends RST.
func (s *virtualSocket) Abort() {
	s.endpoint.Abort()
	s.endpoint.Close()
}

// asError says what sim.Socket promises.
func asError(err tcpip.Error) error {
	switch err.(type) {
	case nil, *tcpip.ErrWouldBlock:
		return nil
	case *tcpip.ErrClosedForReceive:
		return io.EOF
	case *tcpip.ErrConnectionReset:
		return fmt.Errorf("peers: %s: %w", err, syscall.ECONNRESET)
	default:
		return fmt.Errorf("peers: %s", err)
	}
}

// randomness is everything that netstack draws. It asks for a source that any
// goroutine may use.
type randomness struct {
	mutex sync.Mutex
	from  *rand.ChaCha8
}

func newRandomness(seed uint64) *randomness {
	var key [32]byte
	for k := range 8 {
		key[k] = byte(seed >> (8 * k))
	}
	return &randomness{from: rand.NewChaCha8(key)}
}

func (r *randomness) Read(b []byte) (int, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.from.Read(b)
}

// Uint64 and Int63 make it a source of math/rand's, which is what netstack uses.
func (r *randomness) Uint64() uint64 {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.from.Uint64()
}

// Int63 returns a number below 2⁶³.
func (r *randomness) Int63() int64 { return int64(r.Uint64() >> 1) }

// Seed does nothing: the world has seeded it.
func (r *randomness) Seed(int64) {}
