package linklayer

import (
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/internal/seq"
)

func unhex(t testing.TB, s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	require.NoError(t, err)
	return b
}

func TestRFC02_RFC03_RFC05_RFC29_OptionParsing(t *testing.T) {
	ts := Options{Has: HasTimestamps, TSVal: 1, TSEcr: 2}
	const tsHex = "080a 00000001 00000002"
	cases := []struct {
		name string
		hex  string
		syn  bool
		want Options
	}{
		{"none", "", true, Options{}},
		{"Windows", "0204 05b4 01 0303 08 0101 0402", true,
			Options{Has: HasMSS | HasWindowScale | HasSACKPermitted, MSS: 1460, WindowScale: 8}},
		{"Linux", "0204 05b4 0402 " + tsHex + " 01 0303 07", true,
			Options{Has: HasMSS | HasWindowScale | HasSACKPermitted | HasTimestamps, MSS: 1460, WindowScale: 7, TSVal: 1, TSEcr: 2}},
		{"scale as it stands", "0303 ff", true, Options{Has: HasWindowScale, WindowScale: 255}},
		{"MSS 0 is the caller's", "0204 0000", true, Options{Has: HasMSS}},
		{"unaligned", "01 " + tsHex, false, ts},
		{"unknown passed over", "fd04 aaaa 1e02 " + tsHex, false, ts},
		{"ended", "00 " + tsHex, false, Options{}},
		{"length 0", "0500 " + tsHex, false, Options{}},
		{"length 0 of an unknown one", "c800 " + tsHex, false, Options{}},
		{"length 1", "0201 " + tsHex, true, Options{}},
		{"length past the header", "0220 " + tsHex, true, Options{}},
		{"kind without length", "01 01 02", true, Options{}},
		{"known before illegal counts", tsHex + " 0500", false, ts},
		{"MSS of 3 passed over", "0203 05 " + tsHex, true, ts},
		{"scale of 2 passed over", "0302 " + tsHex, true, ts},
		{"SACK-permitted of 3 passed over", "0403 00 " + tsHex, true, ts},
		{"timestamps of 8 passed over", "0808 000000000000 " + tsHex, false, ts},
		{"MSS off a SYN", "0204 05b4 0303 08 0402 " + tsHex, false, ts},
		{"SACK on a SYN", "050a 00000001 00000002", true, Options{}},
		{"SACK of 9", "0509 00000001 000000 " + tsHex, false, ts},
		{"empty SACK", "0502 " + tsHex, false, ts},
		{"reversed SACK block", "050a 00000002 00000001", false, Options{}},
		{"SACK block of half the space", "050a 00000001 80000001", false, Options{}},
		{"empty SACK block", "0512 00000002 00000002 ffffffff 00000001", false,
			Options{Has: HasSACK, SACKCount: 1, SACK: [4]seq.Range{{Start: 0xffffffff, End: 1}}}},
		{"last SACK option counts", "050a 00000001 00000002 0502", false,
			Options{SACK: [4]seq.Range{{Start: 1, End: 2}}}},
		{"four SACK blocks", "0522" + strings.Repeat("00000001 00000002", 4), false,
			Options{Has: HasSACK, SACKCount: 4, SACK: [4]seq.Range{{Start: 1, End: 2}, {Start: 1, End: 2}, {Start: 1, End: 2}, {Start: 1, End: 2}}}},
	}
	for _, c := range cases {
		var got Options
		parseOptions(unhex(t, c.hex), c.syn, &got)
		require.Equal(t, c.want, got, c.name)
	}
	var got Options
	parseOptions(unhex(t, "052a"+strings.Repeat("00000001 00000002", 5)), false, &got)
	require.Equal(t, 4, got.SACKCount, "more than a header can hold")
}

// emitted returns the options of a segment as they stand on the wire.
func emitted(t *testing.T, flags Flags, o Options) string {
	dst := make([]byte, 200)
	n := EmitTCP(dst, &path, ipA, ipB, 1, 2, 0, &Segment{Flags: flags, Options: o}, 0)
	requireGoodChecksums(t, dst[:n])
	require.Equal(t, n-54, OptionsLen(&o, flags&SYN != 0))
	return hex.EncodeToString(dst[54:n])
}

func TestRFC03_RFC05_RFC24_OptionShapes(t *testing.T) {
	full := Options{
		Has: HasMSS | HasWindowScale | HasSACKPermitted | HasTimestamps | HasSACK,
		MSS: 1460, WindowScale: 8, TSVal: 1, TSEcr: 2, SACKCount: 4,
		SACK: [4]seq.Range{{Start: 1, End: 2}, {Start: 3, End: 4}, {Start: 5, End: 6}, {Start: 7, End: 8}},
	}
	only := func(has OptionSet) Options { o := full; o.Has = has; return o }
	const ts = "080a0000000100000002"
	require.Equal(t, "020405b4"+"01030308"+"01010402", emitted(t, SYN, only(full.Has&^HasTimestamps)), "Windows")
	require.Equal(t, "020405b4"+"0402"+ts+"01030308", emitted(t, SYN, full), "Linux")
	require.Equal(t, "020405b4"+"0101"+ts+"01030308", emitted(t, SYN, only(full.Has&^HasSACKPermitted)))
	require.Equal(t, "0101"+ts, emitted(t, SYN|ACK, only(HasTimestamps)))
	require.Equal(t, "01010402", emitted(t, SYN, only(HasSACKPermitted)))
	require.Equal(t, "01030308", emitted(t, SYN, only(HasWindowScale)))
	require.Equal(t, "020405b4", emitted(t, SYN, only(HasMSS)))
	require.Empty(t, emitted(t, SYN, only(HasSACK)))

	three := "00000001000000020000000300000004" + "0000000500000006"
	require.Equal(t, "0101"+ts+"0101051a"+three, emitted(t, ACK, full), "three blocks beside timestamps")
	require.Equal(t, "01010522"+three+"0000000700000008", emitted(t, ACK, only(full.Has&^HasTimestamps)))
	require.Equal(t, "0101"+ts, emitted(t, ACK, only(HasTimestamps|HasMSS|HasWindowScale|HasSACKPermitted)))
	require.Empty(t, emitted(t, ACK, only(HasMSS|HasWindowScale|HasSACKPermitted)))
	none := only(HasSACK)
	none.SACKCount = 0
	require.Empty(t, emitted(t, ACK, none))
	require.LessOrEqual(t, OptionsLen(&full, false), OptionsBytesMax)
}

// TestOptionCursorAlwaysAdvances: whatever stands in the length, reading ends.
func TestOptionCursorAlwaysAdvances(t *testing.T) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for kind := range 256 {
			for length := range 256 {
				b := []byte{byte(kind), byte(length), 1, 2, 3, 4, 5, 6}
				parseOptions(b, length&1 == 0, &Options{})
			}
		}
	}()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Fatal("the option reader loops")
	}
}
