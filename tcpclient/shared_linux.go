package tcpclient

import (
	"fmt"
	"net/netip"
	"sync"
	"time"

	"myriad/internal/netinfo"
	"myriad/iobackend"
)

// shareAddress makes the interface's own address the source: its ports from
// portMin to portMax are ours, the rest of it stays the kernel's.
func shareAddress(in *Interface, info *netinfo.Info, portMin, portMax uint16) (*iobackend.Shared, error) {
	if port, use, taken := netinfo.PortTaken(portMin, portMax); taken {
		return nil, fmt.Errorf("tcpclient: Config.PortMin %d to PortMax %d holds port %d, which belongs to %s: choose other ports, or give Interface.Sources", portMin, portMax, port, use)
	}
	for _, a := range info.Addresses {
		if a.InterfaceIndex == info.Index && a.Prefix.Addr().Is4() {
			address := a.Prefix.Addr()
			in.Sources = []netip.Prefix{netip.PrefixFrom(address, 32)}
			return &iobackend.Shared{Address: address, PortMin: portMin, PortMax: portMax}, nil
		}
	}
	return nil, fmt.Errorf("tcpclient: interface %q has no IPv4 address to share: give Interface.Sources", in.Name)
}

// kernelNeighbors resolves next hops through the kernel, where the source
// address is the kernel's and so the answers to ARP are too.
type kernelNeighbors struct {
	mutex    sync.Mutex
	resolver *netinfo.Resolver
	asking   map[netip.Addr]bool
	ended    bool
}

const (
	kernelAskMax   = 64 // neighbours asked for at one time
	kernelAskEvery = 20 * time.Millisecond
	kernelAskFor   = 3 * time.Second
)

func newKernelNeighbors(index int) (*kernelNeighbors, error) {
	r, err := netinfo.OpenResolver(index)
	if err != nil {
		return nil, fmt.Errorf("tcpclient: %w", err)
	}
	return &kernelNeighbors{resolver: r, asking: map[netip.Addr]bool{}}, nil
}

// ask has the kernel resolve a neighbour and tells w of the answer. It does
// not block.
func (k *kernelNeighbors) ask(w *Worker, address netip.Addr) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if k.ended || k.asking[address] || len(k.asking) >= kernelAskMax {
		return
	}
	k.asking[address] = true
	go k.follow(w, address)
}

// follow waits for the kernel's answer.
func (k *kernelNeighbors) follow(w *Worker, address netip.Addr) {
	for end := time.Now().Add(kernelAskFor); time.Now().Before(end); time.Sleep(kernelAskEvery) {
		mac, known, ended := k.look(address)
		if known {
			_ = w.post(call{f: func(w *Worker) {
				_ = w.link.neighbors.Set(address.As16(), mac, w.now, false)
			}})
		}
		if known || ended {
			break
		}
	}
	k.mutex.Lock()
	defer k.mutex.Unlock()
	delete(k.asking, address)
}

func (k *kernelNeighbors) look(address netip.Addr) (mac [6]byte, known, ended bool) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if k.ended {
		return mac, false, true
	}
	have, known, err := k.resolver.Neighbour(address)
	if known && len(have) == 6 {
		return [6]byte(have), true, false
	}
	if err == nil {
		err = k.resolver.Want(address)
	}
	return mac, false, err != nil
}

func (k *kernelNeighbors) close() {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if !k.ended {
		k.ended = true
		k.resolver.Close()
	}
}
