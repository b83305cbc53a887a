package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"

	"myriad/examples/internal/program"
	"myriad/examples/internal/scan"
	"myriad/examples/internal/scannet"
	"myriad/examples/internal/targets"
)

// aim is what is to be scanned, and what was named and is left alone.
type aim struct {
	prefixes  []netip.Prefix
	left      []leftAlone
	leftCount uint64 // targets in left
}

// leftAlone is a block of the targets that is excluded.
type leftAlone struct {
	prefix netip.Prefix
	why    string
}

// readTargets takes the arguments or the list, less what is excluded. A CIDR
// among the arguments that is excluded as a whole is an error; of a list, where
// that may well be, it is told in the output.
func (o *options) readTargets() (a *aim, err error) {
	a = &aim{}
	if o.demo() {
		a.prefixes = []netip.Prefix{scannet.Prefix}
		return a, nil
	}
	e, err := o.Exclusions()
	if err != nil {
		return nil, err
	}
	for _, p := range o.Arguments {
		if err := e.Refuse(p); err != nil {
			return nil, err
		}
		a.add(e, p)
	}
	if o.List != "" {
		err := targets.ReadFile(o.List, func(_ int, p netip.Prefix) bool {
			a.add(e, p)
			return true
		})
		if err != nil {
			return nil, program.Fail(program.UsageWrong, fmt.Errorf("-targets %w", err))
		}
		if len(a.prefixes) == 0 && len(a.left) == 0 {
			return nil, program.Fail(program.UsageWrong, fmt.Errorf("-targets %s: names no targets", o.List))
		}
	}
	if len(a.prefixes) == 0 {
		return nil, program.Fail(program.UsageWrong, fmt.Errorf("all targets are excluded: %w", e.Refuse(a.left[0].prefix)))
	}
	for _, l := range a.left {
		a.leftCount += 1 << (32 - l.prefix.Bits()) * max(1, uint64(len(o.Ports)))
	}
	return a, nil
}

// add takes a CIDR apart.
func (a *aim) add(e *targets.Exclusions, p netip.Prefix) {
	rest := e.Rest(p)
	a.prefixes = append(a.prefixes, rest...)
	if len(rest) == 1 && rest[0] == p {
		return
	}
	// What is left out lies between the pieces of the rest.
	at := p
	for _, r := range append(rest, netip.Prefix{}) {
		for at.IsValid() && at != r {
			if r.IsValid() && at.Contains(r.Addr()) {
				at, _ = halves(at)
				continue
			}
			block, excluded := e.Excluded(at.Addr())
			if excluded {
				a.left = append(a.left, leftAlone{at, block.String()})
			}
			at = after(at, p)
		}
		if at.IsValid() {
			at = after(at, p)
		}
	}
}

// halves divides a CIDR.
func halves(p netip.Prefix) (low, high netip.Prefix) {
	bits := p.Bits() + 1
	low = netip.PrefixFrom(p.Addr(), bits)
	first := scan.Number(p.Addr()) | 1<<(32-bits)
	return low, netip.PrefixFrom(scan.Addr(first), bits)
}

// after is the largest CIDR within whole that begins where p ends; not valid at
// the end.
func after(p, whole netip.Prefix) netip.Prefix {
	next := uint64(scan.Number(p.Addr())) + 1<<(32-p.Bits())
	if next >= uint64(scan.Number(whole.Addr()))+1<<(32-whole.Bits()) {
		return netip.Prefix{}
	}
	bits := 32
	for bits > whole.Bits() && next>>(32-bits)&1 == 0 {
		bits--
	}
	return netip.PrefixFrom(scan.Addr(uint32(next)), bits)
}

// settings are what makes a run the one that a state directory is of.
func (o *options) settings(s *scan.Space) map[string]string {
	sum := sha256.New()
	s.Describe(sum)
	all := map[string]string{
		"targets": hex.EncodeToString(sum.Sum(nil)[:12]), "-protocol": o.Protocol,
		"-shards": fmt.Sprint(o.Shards), "-shard": fmt.Sprint(o.Shard),
	}
	if o.seeded {
		all["-seed"] = fmt.Sprint(o.Seed)
	}
	return all
}

// position is where a run stands.
type position struct {
	scan.Progress        // of the shard
	Seed          uint64 `json:"seed"`
}
