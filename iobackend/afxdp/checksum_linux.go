package afxdp

import (
	"encoding/binary"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"myriad/internal/netinfo"
	"myriad/iobackend"
)

// metadata is struct xsk_tx_metadata of linux/if_xdp.h: what a driver is asked to
// do with the frame behind it.
type metadata struct {
	flags                         uint64
	checksumStart, checksumOffset uint16 // from the frame's begin; from there
	_                             [12]byte
}

// metadataBytes is a multiple of 8, as the kernel wants it.
const metadataBytes = int(unsafe.Sizeof(metadata{}))

// errNoMetadata: the kernel knows no metadata of frames to be sent.
var errNoMetadata = fmt.Errorf("afxdp: TransmitChecksum: %w: this kernel takes no metadata before a frame: Linux 6.11 does; leave it to OffloadAuto or set OffloadOff", iobackend.ErrNotSupported)

// leaveChecksums has room kept before send frames where their checksums shall be
// left to the device.
func (p *plan) leaveChecksums(wish iobackend.Offload, o *Options, in *netinfo.Info) error {
	if o.KernelChecksum {
		if wish != iobackend.OffloadOn {
			return fmt.Errorf("afxdp: open %q: KernelChecksum without TransmitChecksum OffloadOn has nothing to complete: set both, or neither", in.Name)
		}
		o.Copy, p.kernelSums = true, true
	}
	switch wish {
	case iobackend.OffloadOff:
		return nil
	case iobackend.OffloadAuto:
		if o.Live {
			return nil
		}
		if p.announced = netinfo.CompletesChecksums(in.Index); !p.announced {
			return nil
		}
	case iobackend.OffloadOn:
		if o.Live {
			return fmt.Errorf("afxdp: open %q: TransmitChecksum: %w: nobody completes the sums of live frames: leave Live out, or set OffloadOff", in.Name, iobackend.ErrNotSupported)
		}
		p.announced = netinfo.CompletesChecksums(in.Index)
	default:
		return fmt.Errorf("afxdp: open %q: TransmitChecksum is %d: give OffloadAuto, OffloadOff or OffloadOn", in.Name, wish)
	}
	p.metadata = metadataBytes
	return nil
}

// completesChecksums refuses a driver that sends from the UMEM itself and would
// send unfinished sums. Where the kernel copies, it completes what the device
// cannot.
func (s *socket) completesChecksums(p *plan) error {
	if p.metadata == 0 || !s.zeroCopy || p.announced {
		return nil
	}
	return fmt.Errorf("afxdp: TransmitChecksum: %w: the driver of %q does not complete the checksums of AF_XDP's frames (its xsk-features lack tx-checksum): leave it to OffloadAuto, or set Options.Copy", iobackend.ErrNotSupported, p.name)
}

// Offsets in a frame.
const (
	etherTypeAt, ipv4At        = 12, 14
	etherTypeIPv4              = 0x0800
	tcpSumOffset, udpSumOffset = 16, 6
)

// leaveChecksum asks the device to complete the checksum of the frame at addr. It
// reports false for what it cannot say: a frame that is not TCP or UDP over IPv4,
// or a device that does not do it.
func (q *queue) leaveChecksum(addr uint64, frame []byte) bool {
	if q.device.plan.metadata == 0 || len(frame) < ipv4At+20 ||
		binary.BigEndian.Uint16(frame[etherTypeAt:]) != etherTypeIPv4 {
		return false
	}
	start := ipv4At + int(frame[ipv4At]&0xf)<<2
	if start < ipv4At+20 {
		return false
	}
	offset := tcpSumOffset
	switch frame[ipv4At+9] {
	case unix.IPPROTO_TCP:
	case unix.IPPROTO_UDP:
		offset = udpSumOffset
	default:
		return false
	}
	if start+offset+2 > len(frame) {
		return false // the kernel would refuse it again and again
	}
	m := (*metadata)(unsafe.Pointer(&q.umem[addr-uint64(metadataBytes)]))
	m.flags = unix.XDP_TXMD_FLAGS_CHECKSUM
	m.checksumStart, m.checksumOffset = uint16(start), uint16(offset)
	return true
}
