package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// realFlags are what a real interface needs.
var realFlags = []string{"-interface", "eth0", "-source", "192.0.2.128/25", "-seeds", "seeds.txt", "-contact", "ops@example.org"}

// parse has the flags of a command line checked.
func parse(args []string) (*options, error) {
	o := new(options)
	return o, newProgram(o).Parse(args)
}

func TestDefaultsOfTheDemo(t *testing.T) {
	o, err := parse(nil)
	require.NoError(t, err)
	require.True(t, o.demo())
	require.GreaterOrEqual(t, o.DemoPages, 20_000)
	require.GreaterOrEqual(t, o.DemoHosts, 250)
	require.Zero(t, o.PagesMax)
}

func TestDefaultsOfAGoodCitizen(t *testing.T) {
	o, err := parse(realFlags)
	require.NoError(t, err)
	require.Equal(t, 100.0, o.Rate)
	require.Equal(t, 1, o.PerAddress)
	require.Equal(t, time.Second, o.Pause)
	require.False(t, o.IgnoreRobots)
	require.Equal(t, "MyriadCrawler/0.1 (+ops@example.org)", (&session{o: o}).userAgent())

	o, err = parse(append([]string{"-rate", "0", "-pause", "0s", "-per-address", "8", "-max-pages", "0", "-source", "198.51.100.1,198.51.100.2/32",
		"-resolver", "192.0.2.53,192.0.2.54:5353", "-gateway", "192.0.2.1", "-gateway-mac", "02:00:00:00:00:01"}, realFlags...))
	require.NoError(t, err)
	require.Zero(t, o.Rate)
	require.Zero(t, o.Pause)
	require.Zero(t, o.PagesMax)
	require.Equal(t, 8, o.PerAddress)
	require.Len(t, o.Sources, 3)
	require.Equal(t, "192.0.2.53:53", o.Resolvers[0].String())
}

func TestLimitsOfASnapshot(t *testing.T) {
	limits := func(args ...string) [2]int {
		o, err := parse(append([]string{"-protocol", "gnutella"}, args...))
		require.NoError(t, err)
		return [2]int{o.PerAddress, o.PerPrefix}
	}
	require.Equal(t, [2]int{0, 0}, limits())
	require.Equal(t, [2]int{2, 9}, limits("-per-address", "2", "-per-prefix", "9"))
	require.Equal(t, [2]int{1, 20}, limits(realFlags...))
	require.Equal(t, [2]int{0, 0}, limits(append([]string{"-per-address", "0", "-per-prefix", "0"}, realFlags...)...))
}

// badUsage has, for each mistake, what the message must name.
var badUsage = []struct {
	real bool
	args []string
	want []string
}{
	{false, []string{"-nonsense"}, []string{"-nonsense", "crawler -h"}},
	{false, []string{"http://example.org/"}, []string{"http://example.org/", "-seeds"}},
	{false, []string{"-seeds", "x"}, []string{"-seeds", "-interface"}},
	{false, []string{"-source", "192.0.2.0/24"}, []string{"-source", "-interface"}},
	{false, []string{"-rate", "-1"}, []string{"-rate", "-1", "above 0"}},
	{false, []string{"-rate", "NaN"}, []string{"-rate", "NaN"}},
	{false, []string{"-rate", "fast"}, []string{"-rate", "fast"}},
	{false, []string{"-timeout", "0s"}, []string{"-timeout", "0s", "30s"}},
	{false, []string{"-timeout", "30"}, []string{"-timeout", "30"}},
	{false, []string{"-pause", "-1s"}, []string{"-pause", "-1s"}},
	{false, []string{"-per-address", "0"}, []string{"-per-address 0", "from 1"}},
	{false, []string{"-parallel", "1000000"}, []string{"-parallel 1000000", "60000"}},
	{false, []string{"-max-pages", "-1"}, []string{"-max-pages -1"}},
	{false, []string{"-demo-hosts", "100000"}, []string{"-demo-hosts 100000"}},
	{false, []string{"-backend", "dpdk"}, []string{"-backend", "dpdk", "afxdp"}},
	{false, []string{"-contact", "two\nlines"}, []string{"-contact", "printable"}},
	{false, []string{"-interface", "eth0"}, []string{"-source is missing", "192.0.2.128/25"}},
	{false, []string{"-interface", "eth0", "-source", "192.0.2.1"}, []string{"-seeds is missing"}},
	{false, realFlags[:6], []string{"-contact is missing", "reach you"}},
	{false, []string{"-protocol", "gopher"}, []string{"-protocol", "gopher", "gnutella"}},
	{false, []string{"-protocol", "gnutella", "-pause", "1s"}, []string{"-pause", "-protocol gnutella"}},
	{false, []string{"-demo-nodes", "1000"}, []string{"-demo-nodes", "-protocol web"}},
	{false, []string{"-protocol", "gnutella", "-demo-nodes", "5"}, []string{"-demo-nodes 5", "from 100"}},
	{false, []string{"-protocol", "gnutella", "-attempts", "0"}, []string{"-attempts 0", "from 1"}},
	{true, []string{"-protocol", "gnutella", "-demo-nodes", "500"}, []string{"-demo-nodes", "-interface"}},
	{true, []string{"-contact", ""}, []string{"-contact is empty"}},
	{true, []string{"-demo-pages", "5"}, []string{"-demo-pages", "-interface"}},
	{true, []string{"-source", "192.0.2.0/33"}, []string{"-source", "192.0.2.0/33", "CIDR"}},
	{true, []string{"-source", "2001:db8::/64"}, []string{"-source", "2001:db8::/64", "IPv4"}},
	{true, []string{"-source", "10.0.0.0/8,10.1.0.0/16"}, []string{"10.0.0.0/8", "10.1.0.0/16", "overlap"}},
	{true, []string{"-resolver", "dns.example.org"}, []string{"-resolver", "dns.example.org"}},
	{true, []string{"-gateway", "here"}, []string{"-gateway", "here"}},
	{true, []string{"-gateway-mac", "1:2"}, []string{"-gateway-mac", "1:2"}},
}

func TestBadUsage(t *testing.T) {
	for _, test := range badUsage {
		args := test.args
		if test.real {
			args = append(append([]string{}, realFlags...), args...)
		}
		_, err := parse(args)
		require.Error(t, err, test.args)
		for _, part := range test.want {
			require.ErrorContains(t, err, part, test.args)
		}
		require.NotContains(t, err.Error(), "\n", "one sentence")
	}
}

func TestSeeds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "seeds")
	write := func(text string) {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	write("# where we begin\nhttp://192.0.2.1\n\n  http://Example.org:80/x#y  \n")
	seeds, err := readSeeds(path, true)
	require.NoError(t, err)
	require.Equal(t, []string{"http://192.0.2.1/", "http://example.org/x"}, seeds)
	_, err = readSeeds(path, false)
	require.ErrorContains(t, err, "-resolver is missing")
	require.ErrorContains(t, err, "example.org")
	stdin, err := os.Open(path)
	require.NoError(t, err)
	defer func(was *os.File) { os.Stdin = was }(os.Stdin)
	os.Stdin = stdin
	again, err := readSeeds("-", true)
	require.NoError(t, err)
	require.Equal(t, seeds, again, "of standard input")
	write("http://192.0.2.1/\nexample.org\n")
	_, err = readSeeds(path, true)
	require.ErrorContains(t, err, "line 2")
	require.ErrorContains(t, err, `"example.org"`)
	write("# nothing\n")
	_, err = readSeeds(path, true)
	require.ErrorContains(t, err, "there is no URL in it")
	_, err = readSeeds(path+"x", true)
	require.ErrorContains(t, err, "no such file")
}
