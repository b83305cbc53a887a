package irlstack

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
)

// Control messages ask the driver before the first request. Little-endian:
//
//	every message   4 bytes "IRLS", 2 bytes version, 2 bytes operation
//	hello           4 bytes interface index
//	register        4 bytes count, then for each prefix 16 bytes address (IPv4
//	                mapped into IPv6), 1 byte length in bits of the family, 1
//	                byte family 4 or 6, 2 bytes 0
//	every answer    4 bytes "IRLS", 2 bytes version, 2 bytes status, 4 bytes
//	                detail
//	hello's goes on 6 bytes MAC, 2 bytes features, 4 bytes MTU, 4 bytes
//	                longest request
//
// The driver keeps the addresses until the handle is closed.
const (
	controlMagic    = "IRLS"
	messageBytes    = 8
	answerBytes     = 12
	helloBytes      = messageBytes + 4
	helloAnswer     = answerBytes + 16
	prefixBytes     = 20
	addressesMax    = 4096
	controlBytesMax = messageBytes + 4 + addressesMax*prefixBytes
)

// operation is what a control message asks for.
type operation uint16

const (
	opHello    operation = 1
	opRegister operation = 2
)

// status is a driver's answer.
type status uint16

const (
	statusOK          status = 0
	statusVersion     status = 1 // detail: the driver's version
	statusBusy        status = 2 // another program has the adapter
	statusNoInterface status = 3
	statusRefused     status = 4 // detail: which of the prefixes
	statusMalformed   status = 5
)

// Features of a driver with its NIC.
const (
	// featureReceiveChecksum: received records tell whether the NIC has
	// verified the transport checksum.
	featureReceiveChecksum = 1 << 0
	// featureTransmitChecksum: the NIC completes transport checksums of
	// records with FlagChecksumPartial.
	featureTransmitChecksum = 1 << 1
)

// Errors that Open wraps.
var (
	// ErrMissing: there is no such device, or the driver is not started.
	ErrMissing = errors.New("the driver is not there")
	// ErrBusy: another program has the device or the adapter.
	ErrBusy = errors.New("in use by another program")
	// ErrVersion: driver and backend speak different versions.
	ErrVersion = errors.New("the driver is of another version")
	// ErrRefused: the driver does not take an address.
	ErrRefused = errors.New("address refused by the driver")
)

// hello is the driver's description of itself and of the adapter.
type hello struct {
	mac          [6]byte
	features     uint16
	mtu          int
	requestBytes int // the longest request
}

func appendMessage(b []byte, op operation) []byte {
	b = append(b, controlMagic...)
	b = binary.LittleEndian.AppendUint16(b, Version)
	return binary.LittleEndian.AppendUint16(b, uint16(op))
}

func appendHello(b []byte, index uint32) []byte {
	return binary.LittleEndian.AppendUint32(appendMessage(b, opHello), index)
}

func appendRegister(b []byte, addresses []netip.Prefix) []byte {
	b = binary.LittleEndian.AppendUint32(appendMessage(b, opRegister), uint32(len(addresses)))
	for _, p := range addresses {
		family := byte(6)
		if p.Addr().Is4() {
			family = 4
		}
		address := p.Addr().As16()
		b = append(append(b, address[:]...), byte(p.Bits()), family, 0, 0)
	}
	return b
}

// remedy is what to do about a driver that speaks otherwise than we do.
const remedy = "install the driver that belongs to this version of Myriad"

var errAnswer = fmt.Errorf("the driver's answer cannot be understood: %w: %s", ErrVersion, remedy)

// parseAnswer reads what every answer begins with.
func parseAnswer(b []byte) (s status, detail uint32, err error) {
	if len(b) < answerBytes || string(b[:4]) != controlMagic {
		return 0, 0, errAnswer
	}
	if v := binary.LittleEndian.Uint16(b[4:]); v != Version {
		return 0, 0, versionError(uint32(v))
	}
	return status(binary.LittleEndian.Uint16(b[6:])), binary.LittleEndian.Uint32(b[8:]), nil
}

func versionError(driver uint32) error {
	return fmt.Errorf("%w: it speaks %d, this program %d: %s", ErrVersion, driver, Version, remedy)
}

// parseHello reads the whole answer to hello.
func parseHello(b []byte) (h hello, err error) {
	if len(b) < helloAnswer {
		return h, errAnswer
	}
	rest := b[answerBytes:]
	copy(h.mac[:], rest)
	h.features = binary.LittleEndian.Uint16(rest[6:])
	mtu, longest := binary.LittleEndian.Uint32(rest[8:]), binary.LittleEndian.Uint32(rest[12:])
	if mtu < mtuMin || mtu > mtuMax || longest > requestBytesMax {
		return h, fmt.Errorf("the driver tells an MTU of %d and requests of %d bytes, which cannot be: %w: %s", mtu, longest, ErrVersion, remedy)
	}
	h.mtu, h.requestBytes = int(mtu), int(longest)
	return h, nil
}

const (
	mtuMin, mtuMax  = 576, 65_535 // IPv4's own bounds
	requestBytesMax = 1 << 28
)

// refusal turns a status into what Open returns.
func refusal(s status, detail uint32, name string, addresses []netip.Prefix) error {
	switch s {
	case statusOK:
		return nil
	case statusVersion:
		return versionError(detail)
	case statusBusy:
		return fmt.Errorf("interface %q is %w: end that program, or choose another interface", name, ErrBusy)
	case statusNoInterface:
		return fmt.Errorf("the driver is not bound to interface %q: enable it in the interface's properties", name)
	case statusRefused:
		if int(detail) < len(addresses) {
			return fmt.Errorf("%v: %w: give an address that neither Windows nor another program uses", addresses[detail], ErrRefused)
		}
	}
	return fmt.Errorf("the driver answers with status %d, detail %d, which this program does not know: %w: %s", s, detail, ErrVersion, remedy)
}

// ask sends one control message and returns a good answer's bytes.
func ask(d driver, message []byte, name string, addresses []netip.Prefix) ([]byte, error) {
	answer := make([]byte, 256)
	n, err := d.control(message, answer)
	if err != nil {
		return nil, err
	}
	s, detail, err := parseAnswer(answer[:n])
	if err == nil {
		err = refusal(s, detail, name, addresses)
	}
	return answer[:n], err
}
