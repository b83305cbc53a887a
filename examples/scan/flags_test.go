package main

import (
	"flag"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"myriad/examples/internal/program"
	"myriad/examples/internal/scan"
)

// parse reads a command line as the program does, but for the flags of all
// programs.
func parse(args ...string) (*options, error) {
	o := &options{}
	f := flag.NewFlagSet("scan", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&o.Interface, "interface", "", "")
	f.Float64Var(&o.Rate, "rate", 0, "")
	f.Var(&o.Sources, "source", "")
	f.Var(&o.Allow, "allow", "")
	f.Var(&o.Exclude, "exclude", "")
	o.define(f)
	if err := f.Parse(args); err != nil {
		return o, err
	}
	given := program.Given{}
	f.Visit(func(f *flag.Flag) { given[f.Name] = true })
	return o, o.check(given, f.Args())
}

func TestBadUsage(t *testing.T) {
	on := []string{"-interface", "eth0", "-source", "192.0.2.128/25"}
	for want, args := range map[string][]string{
		"argument \"1.2.3.4\" needs -interface":        {"1.2.3.4"},
		"no targets":                                   on,
		"-targets and arguments":                       append(on, "-targets", "x", "1.1.1.1"),
		"\"0\" is neither a port":                      append(on, "-ports", "0", "1.1.1.1"),
		"7-3":                                          append(on, "-ports", "80,7-3", "1.1.1.1"),
		"70000":                                        append(on, "-ports", "70000", "1.1.1.1"),
		"-protocol \"sctp\"":                           append(on, "-protocol", "sctp", "1.1.1.1"),
		"-ports does not go with -protocol icmp":       append(on, "-protocol", "icmp", "-ports", "80", "1.1.1.1"),
		"-payload goes with -protocol udp":             append(on, "-payload", "x", "1.1.1.1"),
		"-banner goes with -protocol tcp":              append(on, "-protocol", "udp", "-banner", "1.1.1.1"),
		"-banner-request goes with -banner":            append(on, "-banner-request", "x", "1.1.1.1"),
		"-shards 4 needs -seed":                        append(on, "-shards", "4", "1.1.1.1"),
		"-shard 4: give a number from 0 to 3":          append(on, "-seed", "1", "-shards", "4", "-shard", "4", "1.1.1.1"),
		"-timeout 1h0m0s":                              append(on, "-timeout", "1h", "1.1.1.1"),
		"-rate 0.5":                                    append(on, "-rate", "0.5", "1.1.1.1"),
		"-show \"opened\"":                             append(on, "-show", "open,opened", "1.1.1.1"),
		"bits beyond its length":                       append(on, "1.1.1.1/24"),
		"-source is missing":                           {"-interface", "eth0", "-protocol", "udp", "1.1.1.1"},
		"-payload \"\\\\z\": only":                     append(on, "-protocol", "udp", "-payload", `\z`, "1.1.1.1"),
		"-banner-bytes 9999: give a number from 1 to ": append(on, "-banner", "-banner-bytes", "9999", "1.1.1.1"),
	} {
		_, err := parse(args...)
		require.ErrorContains(t, err, want, args)
	}
}

func TestDefaultsOfEachMode(t *testing.T) {
	demo, err := parse()
	require.NoError(t, err)
	require.Equal(t, portList{22, 80, 443}, demo.Ports)
	require.Zero(t, demo.Rate)
	real, err := parse("-interface", "eth0", "1.1.1.1", "8.8.8.0/24")
	require.NoError(t, err)
	require.Equal(t, portList{80}, real.Ports)
	require.Equal(t, 1000.0, real.Rate)
	require.Len(t, real.Arguments, 2)
	require.NotEqual(t, demo.Seed, real.Seed)
	some, err := parse("-interface", "eth0", "-ports", "80,443,8000-8002", "-show", "closed,excluded", "1.1.1.1")
	require.NoError(t, err)
	require.Equal(t, portList{80, 443, 8000, 8001, 8002}, some.Ports)
	require.True(t, some.show[scan.Closed] && some.show[excluded] && !some.show[scan.Open])
}

// Whatever is left out of a CIDR is named, once, and whole.
func TestWhatIsLeftOut(t *testing.T) {
	o, err := parse("-interface", "eth0", "0.0.0.0/0", "192.0.0.0/16")
	require.NoError(t, err)
	a, err := o.readTargets()
	require.NoError(t, err)
	count := map[string]uint64{}
	for _, p := range a.prefixes[:len(a.prefixes)] {
		count["rest"] += 1 << (32 - p.Bits())
	}
	for _, l := range a.left {
		count["left"] += 1 << (32 - l.prefix.Bits())
	}
	require.Equal(t, uint64(1<<32+1<<16), count["rest"]+count["left"])
	o.Allow = append(o.Allow, netip.MustParsePrefix("10.0.0.0/8"))
	b, err := o.readTargets()
	require.NoError(t, err)
	require.EqualValues(t, 1<<24, a.leftCount-b.leftCount)
}

// A list of which nothing is left is refused, with the remedy that there is.
func TestNothingIsLeft(t *testing.T) {
	write := func(name, text string) (path string) {
		path = filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	private, asked := write("list", "10.1.2.3\n"), write("asked", "192.0.0.0/8\n8.8.8.8\n")
	o, err := parse("-interface", "eth0", "-targets", private)
	require.NoError(t, err)
	_, err = o.readTargets()
	require.ErrorContains(t, err, "all targets are excluded: 10.1.2.3 ")
	require.ErrorContains(t, err, "-allow 10.1.2.3 ")
	o, err = parse("-interface", "eth0", "-targets", asked, "-exclude", asked)
	require.NoError(t, err)
	_, err = o.readTargets()
	require.ErrorContains(t, err, asked+", line 1")
	require.NotContains(t, err.Error(), "-allow", "it does not lift what a file excludes")
}

// Lines hold what there is, and are never longer than a page, whatever a host says.
func TestLines(t *testing.T) {
	everything := make([]byte, bannerBytesMost)
	for k := range everything {
		everything[k] = byte(k)
	}
	r := scan.Result{
		Address: 0xffffffff, Port: 65535, Outcome: scan.Open, Reason: scan.SYNACK, Canary: scan.CanaryAnswersAll, TTL: 255, Attempts: 11,
		At: 1 << 60, Banner: &scan.Banner{Data: everything, Error: "deadline exceeded"},
	}
	text := appendLine(nil, &r, scan.TCP, 0)
	require.NoError(t, lines.Check(text))
	require.LessOrEqual(t, len(text), 4096)
	r.Banner.Data = everything[:256]
	require.NoError(t, lines.Check(appendLine(nil, &r, scan.TCP, 0)))
	require.Contains(t, string(appendLine(nil, &r, scan.TCP, 0)), `abc`)
	require.NoError(t, lines.Check(appendLine(nil, &scan.Result{Outcome: scan.Filtered, Reason: scan.NoAnswer}, scan.ICMP, 0)))
	require.NoError(t, lines.Check(appendExcluded(nil, "10.0.0.0/8", `list "x\y", line 7`, scan.UDP)))
}
