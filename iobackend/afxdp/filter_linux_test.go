package afxdp

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/stretchr/testify/require"

	"myriad/internal/testbed"
)

// Verdicts of an XDP program. Ours asks to be dropped here, because the test
// gives the program no socket.
const (
	xdpDrop = 1
	xdpPass = 2
)

func ipv4Frame(protocol byte, dst string, change func(b []byte)) []byte {
	b := make([]byte, 128)
	datagram(b, netip.MustParseAddr(dst), 1, len(b))
	b[14+9] = protocol
	if change != nil {
		change(b)
	}
	return b
}

func arpFrame(operation uint16, target string, change func(b []byte)) []byte {
	b := make([]byte, 60)
	copy(b[12:], []byte{8, 6, 0, 1, 8, 0, 6, 4})
	binary.BigEndian.PutUint16(b[20:], operation)
	a := netip.MustParseAddr(target).As4()
	copy(b[38:], a[:])
	if change != nil {
		change(b)
	}
	return b
}

func TestFilterTakesOnlyOurs(t *testing.T) {
	testbed.Require(t)
	few := []netip.Prefix{netip.MustParsePrefix("10.78.0.0/16"), netip.MustParsePrefix("192.0.2.5/32")}
	many := append([]netip.Prefix(nil), few...)
	for i := range 200 {
		many = append(many, netip.PrefixFrom(netip.AddrFrom4([4]byte{172, 16, byte(i), 0}), 24))
	}
	eight := many[:prefixesInline]
	for name, addresses := range map[string][]netip.Prefix{"few": few, "eight": eight, "many": many} {
		for _, pieces := range []bool{false, true} {
			f, err := loadFilter(filterConfig{name: "test", addresses: addresses, sockets: 2, pieces: pieces})
			require.NoError(t, err)
			t.Run(name, func(t *testing.T) { checkFilter(t, f) })
			require.NoError(t, f.close())
		}
	}
	all, err := loadFilter(filterConfig{name: "test", addresses: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}, sockets: 1})
	require.NoError(t, err)
	defer all.close()
	require.Equal(t, uint32(xdpDrop), verdict(t, all, ipv4Frame(6, "203.0.113.7", nil)))
}

func verdict(t *testing.T, f *filter, frame []byte) uint32 {
	t.Helper()
	v, err := f.program.Run(&ebpf.RunOptions{Data: frame})
	require.NoError(t, err)
	return v
}

func checkFilter(t *testing.T, f *filter) {
	ours, other := "10.78.3.4", "10.77.0.1"
	cases := []struct {
		name  string
		frame []byte
		taken bool
	}{
		{"TCP", ipv4Frame(6, ours, nil), true},
		{"UDP", ipv4Frame(17, ours, nil), true},
		{"ICMP", ipv4Frame(1, ours, nil), true},
		{"single address", ipv4Frame(6, "192.0.2.5", nil), true},
		{"beside the single address", ipv4Frame(6, "192.0.2.4", nil), false},
		{"options", ipv4Frame(6, ours, func(b []byte) { b[14] = 0x4f }), true},
		{"fragment", ipv4Frame(17, ours, func(b []byte) { b[21] = 100 }), true},
		{"other's TCP", ipv4Frame(6, other, nil), false},
		{"below the prefix", ipv4Frame(6, "10.77.255.255", nil), false},
		{"above the prefix", ipv4Frame(6, "10.79.0.0", nil), false},
		{"GRE", ipv4Frame(47, ours, nil), false},
		{"SCTP", ipv4Frame(132, ours, nil), false},
		{"version 6 in IPv4", ipv4Frame(6, ours, func(b []byte) { b[14] = 0x65 }), false},
		{"IPv6", ipv4Frame(6, ours, func(b []byte) { b[12], b[13] = 0x86, 0xdd }), false},
		{"VLAN", ipv4Frame(6, ours, func(b []byte) { b[12], b[13] = 0x81, 0x00 }), false},
		{"truncated", ipv4Frame(6, ours, nil)[:33], false},
		{"bare", ipv4Frame(6, ours, nil)[:14], false},
		{"ARP request", arpFrame(1, ours, nil), true},
		{"ARP reply", arpFrame(2, ours, nil), true},
		{"other's ARP", arpFrame(1, other, nil), false},
		{"ARP of another link", arpFrame(1, ours, func(b []byte) { b[15] = 6 }), false},
		{"truncated ARP", arpFrame(1, ours, nil)[:41], false},
	}
	for _, c := range cases {
		want := uint32(xdpPass)
		if c.taken {
			want = xdpDrop
		}
		require.Equal(t, want, verdict(t, f, c.frame), c.name)
	}
}
