package peers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/channel"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"

	"myriad/iobackend/simlink"
)

// Options choose what a Netstack offers.
type Options struct {
	Address netip.Addr
	SACK    bool
	// Peer is the hardware address that it sends everything to.
	Peer net.HardwareAddr
}

// Netstack is gVisor's TCP/IP at one end of a link.
type Netstack struct {
	stack   *stack.Stack
	link    *channel.Endpoint
	end     *simlink.End
	header  [ethernetBytes]byte
	address tcpip.Address
	stop    context.CancelFunc
	pumps   sync.WaitGroup
}

const (
	ethernetBytes = 14
	nic           = 1
	queueFrames   = 4096
	backlog       = 1024
)

// NewNetstack starts a stack at an end whose frames nobody else receives.
func NewNetstack(end *simlink.End, o Options) (*Netstack, error) {
	n := &Netstack{end: end, address: tcpip.AddrFromSlice(o.Address.AsSlice())}
	n.stack = stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol},
	})
	n.link = channel.New(queueFrames, uint32(end.Info().MTU), "")
	copy(n.header[0:], o.Peer)
	copy(n.header[6:], end.Info().HardwareAddr)
	n.header[12] = 0x08
	if err := n.configure(o); err != nil {
		n.stack.Destroy()
		return nil, fmt.Errorf("peers: netstack: %w", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	n.stop = stop
	n.pumps.Go(func() { n.send(ctx) })
	end.OnFrame(n.receive)
	return n, nil
}

func (n *Netstack) configure(o Options) error {
	if err := n.stack.CreateNIC(nic, n.link); err != nil {
		return errors.New(err.String())
	}
	address := tcpip.ProtocolAddress{Protocol: ipv4.ProtocolNumber, AddressWithPrefix: n.address.WithPrefix()}
	if err := n.stack.AddProtocolAddress(nic, address, stack.AddressProperties{}); err != nil {
		return errors.New(err.String())
	}
	n.stack.SetRouteTable([]tcpip.Route{{Destination: header.IPv4EmptySubnet, NIC: nic}})
	sack := tcpip.TCPSACKEnabled(o.SACK)
	recovery := tcpip.TCPRecovery(0) // with RACK it may fall silent for ever
	for _, option := range []tcpip.SettableTransportProtocolOption{&sack, &recovery} {
		if err := n.stack.SetTransportProtocolOption(tcp.ProtocolNumber, option); err != nil {
			return errors.New(err.String())
		}
	}
	return nil
}

// receive gives an arrived frame to the stack.
func (n *Netstack) receive(_ time.Duration, frame []byte) {
	if frame[12] != 0x08 || frame[13] != 0x00 {
		return
	}
	packet := stack.NewPacketBuffer(stack.PacketBufferOptions{
		Payload: buffer.MakeWithData(append([]byte(nil), frame[ethernetBytes:]...)),
	})
	n.link.InjectInbound(ipv4.ProtocolNumber, packet)
	packet.DecRef()
}

// send puts what the stack sends onto the link.
func (n *Netstack) send(ctx context.Context) {
	for {
		packet := n.link.ReadContext(ctx)
		if packet == nil {
			return
		}
		frame := append([]byte(nil), n.header[:]...)
		for _, piece := range packet.AsSlices() {
			frame = append(frame, piece...)
		}
		packet.DecRef()
		n.end.Inject(frame)
	}
}

// Conn is an accepted connection.
type Conn struct {
	*gonet.TCPConn
	endpoint tcpip.Endpoint
}

// Abort ends the connection with RST.
func (c *Conn) Abort() { c.endpoint.Abort() }

// Serve accepts connections on a port and runs f on a goroutine for each,
// until Close.
func (n *Netstack) Serve(port uint16, f func(c *Conn)) error {
	queue := new(waiter.Queue)
	listener, err := n.stack.NewEndpoint(tcp.ProtocolNumber, ipv4.ProtocolNumber, queue)
	if err != nil {
		return fmt.Errorf("peers: serve: %s", err)
	}
	if err := listener.Bind(tcpip.FullAddress{NIC: nic, Addr: n.address, Port: port}); err != nil {
		return fmt.Errorf("peers: serve: bind to port %d: %s", port, err)
	}
	if err := listener.Listen(backlog); err != nil {
		return fmt.Errorf("peers: serve: listen: %s", err)
	}
	entry, readable := waiter.NewChannelEntry(waiter.ReadableEvents | waiter.EventHUp)
	queue.EventRegister(&entry)
	n.pumps.Go(func() {
		defer queue.EventUnregister(&entry)
		for {
			endpoint, q, err := listener.Accept(nil)
			switch err.(type) {
			case nil:
				go f(&Conn{gonet.NewTCPConn(q, endpoint), endpoint})
			case *tcpip.ErrWouldBlock:
				<-readable
			default:
				return // closed
			}
		}
	})
	return nil
}

// Close resets what is open, and ends the stack's goroutines.
func (n *Netstack) Close() {
	n.end.OnFrame(func(time.Duration, []byte) {})
	n.stop()
	n.stack.Destroy()
	n.pumps.Wait()
}
