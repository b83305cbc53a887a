package script

import (
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"myriad/internal/bounded"
	"myriad/iobackend/pcapfile"
)

func TestParseNamesTheLine(t *testing.T) {
	for text, want := range map[string]string{
		"+0 open\n+0 > Q 0:0(0)":                   `:2: "+0 > Q 0:0(0)": flags "Q"`,
		"+0 > S 0:1(0)":                            "from 0 to 1 are 1 bytes",
		"+0 > S 0:0":                               "FIRST:LAST(LENGTH)",
		"+x open":                                  `instant "+x"`,
		"+2~+1 > S 0:0(0)":                         "ends before it begins",
		"+0":                                       "nothing to do",
		"+0 jiggle":                                `no action "jiggle"`,
		"+0 * exploded":                            `no event "exploded"`,
		"+0 > S 0:0(0) <mss>":                      "takes 1 numbers",
		"+0 > S 0:0(0) <mss 1,,nop>":               "an empty option",
		"+0 > S 0:0(0) <mss 1":                     "does not end",
		"+0 > S 0:0(0) ack 1":                      "without the flag",
		"+0 > . 0:0(0) ack":                        "needs a number",
		`+0 < P. 1:3(2) ack 1 "abc"`:               "3 bytes of text in a segment of 2",
		"+0 < . 1:1(0) ack 1 <TS 1 2>":             "TS val N ecr N",
		"+0 < . 1:1(0) ack 1 <sack 1-2>":           "is not FIRST:LAST",
		"+0 < icmp unreachable nowhere [1:1(0)]":   `no ICMP message "nowhere"`,
		"+0 on connected":                          "on EVENT ACTION",
		"set speed 11":                             `no setting "speed"`,
		"0 < . 1:1(0) ack 1 times 0":               "times 0 is not within 1 and 10000",
		"set timestamps maybe":                     "on or off",
		"+0 open\nset mss 100":                     "before the first step",
		"set mss":                                  "NAME VALUE",
		"+0 < . 1:1(0) ack 1 frobnicate":           "not known here",
		"+0 < . 1:1(0) ack 1 <frobnicate>":         `no option "frobnicate"`,
		"+0 > S 0:0(0) <wscale seven>":             "invalid syntax",
		"+0 < icmp unreachable port mtu x [1:1(0)": "does not end",
	} {
		_, err := Parse("bad", text)
		require.ErrorContains(t, err, want, "%q", text)
	}
}

// A script that fails tells where, what was expected and what came, and leaves
// a capture.
func TestFailureTellsTheWholeStory(t *testing.T) {
	s, err := Parse("wrong", "+0 open\n+0 > S 0:0(0) <...>\n+0.010 < S. 0:0(0) ack 1 <mss 1460>\n+0 > . 1:1(0) ack 2\n")
	require.NoError(t, err)
	err = s.Run(Options{CaptureDir: t.TempDir()})
	var f *Failure
	require.True(t, errors.As(err, &f))
	require.Equal(t, 4, f.Line)
	require.ErrorContains(t, err, "wrong:4: ack 1, not 2")
	require.ErrorContains(t, err, "expected: +0 > . 1:1(0) ack 2")
	require.Contains(t, strings.Join(f.Trace, "\n"), "0.010000 < S. 0:0(0) ack 1 win 65535 <mss 1460>")
	file, err := os.Open(f.Capture)
	require.NoError(t, err)
	defer file.Close()
	frames, err := pcapfile.ReadAll(file)
	require.NoError(t, err)
	require.Len(t, frames, 3)
}

// What the client does and no line says, fails too, wherever it happens.
func TestWhatNoLineNamesFails(t *testing.T) {
	const head = "+0 open\n+0 > S 0:0(0) <...>\n"
	for text, want := range map[string]string{
		"+0 open\n":                                                                        "at the end no line names what the client sent",
		head + "+2 < S. 0:0(0) ack 1\n":                                                    "the client sent what no line names: 1.000000 > S",
		head + "+0 > . 1:1(0) ack 1\n":                                                     "the client sent nothing until",
		head + "+0.5 > S 0:0(0) <...>\n":                                                   "the client sent nothing until",
		head + "+2 > S 0:0(0) <...>\n":                                                     "expected within 2.000000",
		head + "+0 < R. 0:0(0) ack 1\n":                                                    `event "failed refused" came and no line names it`,
		head + "+0 < R. 0:0(0) ack 1\n+0 * failed reset\n":                                 `it failed with "refused", not "reset"`,
		head + "+0 < R. 0:0(0) ack 1\n+0 * closed\n":                                       `event "failed refused" came, not "closed"`,
		head + "+0 * connected\n":                                                          "no event came",
		head + "+0 send 1\n":                                                               "send: error: closed",
		head + "+0 count nonsense 1\n":                                                     "expected 1, got 0",
		head + "+0 < S. 0:0(0) ack 1\n+0 > P. 1:1(0) ack 1\n":                              "flags ., not P.",
		head + "+0 < S. 0:0(0) ack 1\n+0 > . 2:2(0) ack 1\n":                               "it begins at 1, not 2",
		head + "+0 < S. 0:0(0) ack 1\n+0 > . 1:2(1) ack 1\n":                               "it is 0 bytes long, not 1",
		head + "+0 < S. 0:0(0) ack 1\n+0 > . 1:1(0) ack 1 win 1\n":                         "win 65535, not 1",
		head + "+0 < S. 0:0(0) ack 1\n+0 > . 1:1(0) ack 1 <nop,nop,TS>\n":                  "options <>",
		head + "+0 < S. 0:0(0) ack 1\n+0 > . 1:1(0) ack 1 ttl 1\n":                         "ttl 64, not 1",
		head + "+0 < S. 0:0(0) ack 1\n+0 > . 1:1(0) ack 1\n+0 < . 1:1601(1600) ack 1\n":    "larger than the link's MTU",
		head + "+0 < S. 0:3(3) ack 1 \"abc\"\n+0 > . 1:1(0) ack 4\n+0 * data \"abd\"\n":    `delivered "abc", not "abd"`,
		head + "+0 < S. 0:3(3) ack 1 \"abc\"\n+0 > . 1:1(0) ack 4\n+0 * data 4\n":          "3 bytes were delivered, not 4",
		"+0 open\n+0 > S 0:0(0) <mss 1460,nop,wscale 9,nop,nop,sackOK>\n":                  `option "wscale 5", not wscale [9]`,
		"+0 open to 198.51.100.1:80\n+0 > S 0:0(0) <...>\n+0 close fin = closed\n+0 quiet": "close: expected closed, got all ok",
	} {
		s, err := Parse("unnamed", text)
		require.NoError(t, err, text)
		require.ErrorContains(t, s.Run(Options{CaptureDir: t.TempDir()}), want, text)
	}
}

func FuzzParse(f *testing.F) {
	for _, file := range []string{"rfc24_dsack_above_rcv_nxt", "rfc52_ip_header", "rfc48_floor"} {
		text, err := os.ReadFile("testdata/" + file + ".script")
		require.NoError(f, err)
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		bounded.Input(t, 64<<20, func() {
			_, _ = Parse("fuzz", text) // must not panic
		})
	})
}

// FuzzDecode: whatever a client might put into a TCP header is told as a script
// would have it, or found fault with. The checksum is made good first.
func FuzzDecode(f *testing.F) {
	f.Add([]byte("\x9c\x40\x00\x50\x00\x00\x00\x01\x00\x00\x00\x00\x80\x02\xff\xff\x00\x00\x00\x00\x02\x04\x05\xb4\x01\x03\x03\x05\x01\x01\x04\x02"))
	f.Add([]byte("\x9c\x40\x00\x50\x00\x00\x00\x01\x00\x00\x00\x02\x80\x18\xff\xff\x00\x00\x00\x00\x01\x01\x08\x0a\x00\x00\x00\x01\x00\x00\x00\x02data"))
	f.Add([]byte("\x9c\x40\x00\x50\x00\x00\x00\x01\x00\x00\x00\x02\x80\x10\xff\xff\x00\x00\x00\x00\x01\x01\x05\x0a\x00\x00\x00\x01\x00\x00\x00\x02"))
	f.Fuzz(func(t *testing.T, header []byte) {
		bounded.Input(t, 64<<20, func() {
			if len(header) < tcpLen || len(header) > 1<<16-1 {
				return
			}
			var s segment
			header = append([]byte(nil), header...)
			header[16], header[17] = 0, 0
			binary.BigEndian.PutUint16(header[16:], checksum(pseudo(s.source, s.dest, 6, len(header)), header))
			if s.decodeTCP(header) != nil {
				return
			}
			text := (&bases{}).format(&s, true)
			_, err := Parse("fuzz", "+0 > "+text)
			require.NoError(t, err, text)
			require.NotEmpty(t, (&bases{}).format(&s, false))
		})
	})
}
