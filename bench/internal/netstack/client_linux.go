package netstack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/fdbased"
	"gvisor.dev/gvisor/pkg/tcpip/network/arp"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"

	"myriad/bench/internal/kernel"
	"myriad/bench/internal/wire"
)

const (
	nic = 1
	// Every port but the reserved ones, as the kernel's clients have them.
	firstPort, lastPort = 1024, 65535
	socketBytes         = 4 << 20
)

// Run does what the arguments say, and writes the outcome.
func Run(ctx context.Context, args []string, out io.Writer) error {
	c, err := open(wire.Interface)
	if err != nil {
		return fmt.Errorf("netstack: %w", err)
	}
	if err := c.findGateway(ctx); err != nil {
		return fmt.Errorf("netstack: %w", err)
	}
	// Neither the stack nor the sockets are closed: the process ends.
	return kernel.RunDial(ctx, args, c.dial, out)
}

// gateway is one address of Targets, and the way to all of them, so that the
// neighbour table stays small.
var gateway = tcpip.AddrFrom4(wire.Targets.Addr().Next().As4())

// client is a stack on an interface.
type client struct{ stack *stack.Stack }

func open(name string) (*client, error) {
	device, err := net.InterfaceByName(name)
	if err != nil {
		return nil, err
	}
	sockets, err := openSockets(device.Index)
	if err != nil {
		return nil, err
	}
	link, err := fdbased.New(&fdbased.Options{
		FDs: sockets, MTU: uint32(device.MTU), EthernetHeader: true, Address: tcpip.LinkAddress(device.HardwareAddr),
		PacketDispatchMode: fdbased.RecvMMsg,
	})
	if err != nil {
		return nil, err
	}
	c := &client{stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol, arp.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol},
	})}
	return c, c.configure(link)
}

// openSockets returns one socket for each processor; the kernel spreads the
// flows.
func openSockets(device int) (all []int, err error) {
	for range runtime.GOMAXPROCS(0) {
		s, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return nil, fmt.Errorf("make a packet socket: %w", err)
		}
		// Without the room, frames are lost, and connections take longer.
		_ = unix.SetsockoptInt(s, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, socketBytes)
		_ = unix.SetsockoptInt(s, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, socketBytes)
		all = append(all, s)
		address := unix.SockaddrLinklayer{Protocol: protocolAll, Ifindex: device}
		if err = unix.Bind(s, &address); err != nil {
			return nil, fmt.Errorf("bind a packet socket: %w", err)
		}
	}
	return all, nil
}

// protocolAll is ETH_P_ALL in network order.
const protocolAll = unix.ETH_P_ALL>>8 | unix.ETH_P_ALL&0xff<<8

func (c *client) configure(link stack.LinkEndpoint) error {
	if err := c.stack.CreateNIC(nic, link); err != nil {
		return fmt.Errorf("create the interface: %s", err)
	}
	for from := wire.Sources.Masked().Addr(); wire.Sources.Contains(from); from = from.Next() {
		address := tcpip.ProtocolAddress{
			Protocol:          ipv4.ProtocolNumber,
			AddressWithPrefix: tcpip.AddrFrom4(from.As4()).WithPrefix(),
		}
		if err := c.stack.AddProtocolAddress(nic, address, stack.AddressProperties{}); err != nil {
			return fmt.Errorf("add address %v: %s", from, err)
		}
	}
	c.stack.SetRouteTable([]tcpip.Route{{
		Destination: header.IPv4EmptySubnet, Gateway: gateway, NIC: nic,
	}})
	if err := c.stack.SetPortRange(firstPort, lastPort); err != nil {
		return fmt.Errorf("set the range of ports: %s", err)
	}
	return nil
}

// findGateway waits until the gateway's hardware address is known: meanwhile
// netstack keeps 256 packets, and would lose the other SYNs.
func (c *client) findGateway(ctx context.Context) error {
	answer := make(chan tcpip.Error, 1)
	from := tcpip.AddrFrom4(wire.Sources.Addr().Next().As4())
	failure := c.stack.GetLinkAddress(nic, gateway, from, ipv4.ProtocolNumber, func(r stack.LinkResolutionResult) { answer <- r.Err })
	if _, ok := failure.(*tcpip.ErrWouldBlock); !ok && failure != nil {
		return fmt.Errorf("find the gateway: %s", failure)
	}
	select {
	case err := <-answer:
		if err != nil {
			return fmt.Errorf("find the gateway: %s", err)
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// conn is one connection.
type conn struct {
	*gonet.TCPConn
	endpoint tcpip.Endpoint
}

// Reset ends the connection by RST.
func (c conn) Reset() error {
	c.endpoint.Abort()
	return c.Close()
}

// Read says of a RST what the kernel says.
func (c conn) Read(b []byte) (int, error) {
	n, err := c.TCPConn.Read(b)
	var failure *net.OpError
	if errors.As(err, &failure) && failure.Err.Error() == new(tcpip.ErrConnectionReset).String() {
		err = syscall.ECONNRESET
	}
	return n, err
}

// dial opens a connection, and waits until it stands.
func (c *client) dial(ctx context.Context, from netip.Addr, to netip.AddrPort) (kernel.Stream, error) {
	queue := new(waiter.Queue)
	endpoint, failure := c.stack.NewEndpoint(tcp.ProtocolNumber, ipv4.ProtocolNumber, queue)
	if failure != nil {
		return nil, errors.New(failure.String())
	}
	entry, ready := waiter.NewChannelEntry(waiter.WritableEvents)
	queue.EventRegister(&entry)
	defer queue.EventUnregister(&entry)
	failure = endpoint.Bind(tcpip.FullAddress{NIC: nic, Addr: tcpip.AddrFrom4(from.As4())})
	if failure == nil {
		failure = endpoint.Connect(tcpip.FullAddress{NIC: nic, Addr: tcpip.AddrFrom4(to.Addr().As4()), Port: to.Port()})
	}
	if _, ok := failure.(*tcpip.ErrConnectStarted); ok {
		select {
		case <-ready:
			failure = endpoint.LastError()
		case <-ctx.Done():
			failure = &tcpip.ErrAborted{}
		}
	}
	if failure != nil {
		endpoint.Abort()
		endpoint.Close()
		return nil, errors.New(failure.String())
	}
	return conn{gonet.NewTCPConn(queue, endpoint), endpoint}, nil
}
