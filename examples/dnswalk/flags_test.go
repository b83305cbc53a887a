package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"myriad/examples/internal/iterate"
)

var realFlags = []string{"-interface", "eth0", "-source", "192.0.2.128/25"}

// badUsage has the part of the message that tells what to do.
var badUsage = []struct {
	args []string
	real bool
	want string
}{
	{[]string{"names.txt"}, false, "-names"},
	{[]string{"-frobnicate"}, false, "dnswalk -h"},
	{[]string{"-names", "x"}, false, "-names needs -interface"},
	{[]string{"-interface", "eth0"}, false, "-source is missing"},
	{[]string{"-demo-zones", "3"}, true, "-demo-zones goes with the demo"},
	{[]string{"-hints", "x", "-root", "192.0.2.1"}, true, "leave one of them out"},
	{[]string{"-root", "example.org"}, true, "no IPv4 address"},
	{[]string{"-type", "BOGUS"}, true, "TYPE65"},
	{[]string{"-zone", "a..b"}, true, "-zone"},
	{[]string{"-backend", "dpdk"}, false, "one of afxdp, live, afpacket"},
	{[]string{"-rate", "-1"}, false, "-rate -1"},
	{[]string{"-rate", "NaN"}, false, "-rate NaN"},
	{[]string{"-timeout", "0"}, false, "-timeout 0s"},
	{[]string{"-deadline", "0"}, false, "-deadline 0s"},
	{[]string{"-per-server", "0"}, false, "from 1 to 60000"},
	{[]string{"-demo-tlds", "1"}, false, "from 2 to"},
	{[]string{"-cache", "0"}, false, "-cache 0"},
	{[]string{"-per-server-rate", "-1"}, false, "-per-server-rate -1"},
	{[]string{"-allow", "10.0.0.0/8"}, false, "-allow needs -interface"},
	{[]string{"-fields", "colour"}, false, "dnswalk.names/1"},
}

// parse has the flags of a command line checked.
func parse(args []string) (*options, error) {
	o := newOptions()
	return o, newProgram(o).Parse(args)
}

func TestBadUsage(t *testing.T) {
	for _, test := range badUsage {
		args := test.args
		if test.real {
			args = append(append([]string{}, realFlags...), args...)
		}
		_, err := parse(args)
		require.ErrorContains(t, err, test.want, "%v", args)
	}
}

func TestDefaultsOfEachMode(t *testing.T) {
	o, err := parse(nil)
	require.NoError(t, err)
	require.Zero(t, o.Rate)
	o, err = parse(realFlags)
	require.NoError(t, err)
	require.Equal(t, goodManners.rate, o.Rate)
	require.Equal(t, goodManners.perServer, o.PerServer)
	require.Equal(t, goodManners.perServerRate, o.PerServerRate)
}

func TestReadNames(t *testing.T) {
	o, err := parse(append([]string{"-zone", "Example.ORG", "-type", "mx"}, realFlags...))
	require.NoError(t, err)
	var got []iterate.Question
	collect := func(q iterate.Question) bool { got = append(got, q); return true }
	require.NoError(t, readNames(strings.NewReader("# all\nWWW\n\n mail aaaa # one\nx. TYPE65\n"), o, collect))
	require.Equal(t, []iterate.Question{{Name: "www.example.org.", Type: 15}, {Name: "mail.example.org.", Type: 28}, {Name: "x.example.org.", Type: 65}}, got)
	for _, bad := range []string{"a b c", "a..b", "müller", "a BOGUS", strings.Repeat("x", 64)} {
		require.ErrorContains(t, readNames(strings.NewReader("ok\n"+bad+"\n"), o, collect), "line 2")
	}
}
