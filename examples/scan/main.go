package main

import (
	"os"

	"myriad/examples/internal/program"
	"myriad/examples/internal/scannet"
	"myriad/examples/internal/schema"
)

func main() { program.Main(command()) }

const about = `Without -interface: scans a network of 262,144 hosts that it makes up in a network
namespace of its own, and checks what it finds; nothing else on the machine is
touched.

With -interface: sends one probe to each address and port, in an order that a seed
names and that takes every address once before any twice, and tells what answered.
It remembers next to nothing, so that the Internet's size is no matter. It needs
addresses of its own, -source, except for TCP over AF_XDP, which can share the
interface's.

Left alone are IANA's special-purpose blocks, unless -allow gives them free, and
what -exclude lists. Probe only networks whose owners agreed, or at rates that
nobody minds.`

// command describes the program.
func command() *program.Program {
	o := &options{}
	return &program.Program{
		Name:  "scan",
		Short: "find services: a stateless scan of addresses and ports over raw frames",
		About: about, Arguments: "[CIDR ...]",
		Examples: []program.Example{
			{Line: "scan", Does: "the demo"},
			{Line: "scan -interface eth0 -source 192.0.2.128/25 -ports 80,443 -out open.jsonl 198.51.100.0/24", Does: "two ports of a network"},
			{Line: "scan -interface eth0 -ports 22 -targets list.txt -exclude never.txt -state run", Does: "a list, so that the same command goes on after Ctrl-C"},
			{Line: "scan -interface eth0 -ports 443 -seed 7 -shards 4 -shard 0 0.0.0.0/0", Does: "the first quarter of everything"},
			{Line: "scan -interface eth0 -ports 443 -cluster nats://192.0.2.9:4222/https 0.0.0.0/0", Does: "everything, with all others that say the same"},
			{Line: "scan -interface eth0 -ports 22 -banner 198.51.100.0/24", Does: "what those say who answer"},
		},
		Options: &o.Options,
		Words: program.Words{
			Does: "scan through this network `device` instead of the demo",
			Rate: "frames per second, a `number`, never exceeded; 0 for no limit (1000; demo: no limit)",
		},
		Flags: o.define,
		Groups: []program.Group{
			{Title: "Targets", Flags: []string{"targets", "ports", "protocol", "payload", "seed", "shards", "shard", "cluster"}},
			{Title: "Course", Flags: []string{"retries", "timeout", "canary", "batch", "per-address-rate", "per-prefix-rate"}},
			{Title: "Banners", Flags: []string{"banner", "banner-request", "banner-bytes", "banner-timeout", "banner-parallel", "per-address", "per-prefix"}},
			{Title: "Choice of lines", Flags: []string{"show"}},
		},
		Choices: map[string][]string{"protocol": {"tcp", "udp", "icmp"}, "show": showWords},
		Schemas: []schema.Schema{lines},
		Check:   o.check,
		Demo:    o.demo,
		Servers: []program.Server{{Is: scannet.IsServer, Serve: func() error { return scannet.Serve(os.Stdin, os.Stdout) }}},
		Run:     o.run,
	}
}
