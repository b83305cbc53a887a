package targets

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	"github.com/gaissmai/bart"
)

// Exclusions are the addresses that are left alone. The zero value excludes
// nothing; New begins with Special.
type Exclusions struct {
	special bart.Table[Block] // lifted by allowed
	allowed bart.Lite
	asked   bart.Table[Block] // lifted by nothing
}

// New excludes Special.
func New() *Exclusions {
	e := new(Exclusions)
	for _, b := range Special {
		e.special.Insert(b.Prefix, b)
	}
	return e
}

// Allow lifts the default exclusions for a CIDR.
func (e *Exclusions) Allow(prefixes ...netip.Prefix) {
	for _, p := range prefixes {
		e.allowed.Insert(p.Masked())
	}
}

// ReadFile adds the exclusions of a file.
func (e *Exclusions) ReadFile(path string) error {
	return ReadFile(path, func(line int, p netip.Prefix) bool {
		e.asked.Insert(p, Block{Prefix: p, Name: path + ", line " + strconv.Itoa(line)})
		return true
	})
}

// Excluded returns the block for which an address is left alone.
func (e *Exclusions) Excluded(a netip.Addr) (Block, bool) {
	if b, ok := e.asked.Lookup(a); ok {
		return b, true
	}
	if b, ok := e.special.Lookup(a); ok && !e.allowed.Contains(a) {
		return b, true
	}
	return Block{}, false
}

// Refusal is why a target is not looked at.
type Refusal struct {
	Target netip.Prefix
	Block  Block
}

// Error names the target, the block, and what to do.
func (r *Refusal) Error() string {
	what := r.Target.String()
	if r.Target.IsSingleIP() {
		what = r.Target.Addr().String()
	}
	if r.Block.Source == "" {
		return fmt.Sprintf("%s is excluded by %v: take it off the targets, or the exclusion out of its file", what, r.Block)
	}
	return fmt.Sprintf("%s is excluded, being in %v: give -allow %s if it is yours to probe", what, r.Block, what)
}

// Refuse returns a *Refusal when the whole of a CIDR is excluded: that was not
// meant. Of one that is excluded in part the rest is what was meant.
func (e *Exclusions) Refuse(target netip.Prefix) error {
	if len(e.Rest(target)) > 0 {
		return nil
	}
	b, _ := e.Excluded(target.Addr())
	return &Refusal{Target: target, Block: b}
}

// Rest is what exclusions leave of a CIDR, as few CIDRs in order.
func (e *Exclusions) Rest(target netip.Prefix) []netip.Prefix {
	target = target.Masked()
	var rest []netip.Prefix
	e.divide(target, &rest)
	return rest
}

// divide halves a CIDR until each piece is excluded as a whole, or not at all.
func (e *Exclusions) divide(p netip.Prefix, rest *[]netip.Prefix) {
	if e.whole(p) {
		if _, excluded := e.Excluded(p.Addr()); !excluded {
			*rest = append(*rest, p)
		}
		return
	}
	low, high := halves(p)
	at := len(*rest)
	e.divide(low, rest)
	e.divide(high, rest)
	// Both halves whole: the exclusions that divided it are lifted.
	if slices.Equal((*rest)[at:], []netip.Prefix{low, high}) {
		*rest = append((*rest)[:at], p)
	}
}

// whole reports whether no list tells one part of a CIDR from another.
func (e *Exclusions) whole(p netip.Prefix) bool {
	if p.IsSingleIP() {
		return true
	}
	for s := range e.asked.Subnets(p) {
		if s != p {
			return false
		}
	}
	for s := range e.special.Subnets(p) {
		if s != p {
			return false
		}
	}
	for s := range e.allowed.Subnets(p) {
		if s != p {
			return false
		}
	}
	return true
}

// halves divides a CIDR of more than one address.
func halves(p netip.Prefix) (low, high netip.Prefix) {
	bits := p.Bits() + 1
	low = netip.PrefixFrom(p.Addr(), bits)
	a := p.Addr().As4()
	a[(bits-1)/8] |= 0x80 >> ((bits - 1) % 8)
	return low, netip.PrefixFrom(netip.AddrFrom4(a), bits)
}
