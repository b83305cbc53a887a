// Package seq is TCP's sequence space: 32-bit numbers that wrap, and their
// order (RFC 9293 §3.4).
package seq

// Number is a sequence number. It has no zero that means "none", and no
// arithmetic but that of the circle: two numbers can be compared only when
// they are less than 2³¹ apart.
type Number uint32

// Before reports whether n comes strictly before o.
func (n Number) Before(o Number) bool { return int32(n-o) < 0 }

// After reports whether n comes strictly after o.
func (n Number) After(o Number) bool { return int32(n-o) > 0 }

// AtOrBefore reports whether n is o or comes before it.
func (n Number) AtOrBefore(o Number) bool { return int32(n-o) <= 0 }

// AtOrAfter reports whether n is o or comes after it.
func (n Number) AtOrAfter(o Number) bool { return int32(n-o) >= 0 }

// Add returns the number count bytes further on.
func (n Number) Add(count int) Number { return n + Number(uint32(count)) }

// Since returns how many bytes n lies after o; negative when it lies before.
func (n Number) Since(o Number) int { return int(int32(n - o)) }

// In reports whether n lies in the half-open window [low, low+size).
func (n Number) In(low Number, size uint32) bool { return uint32(n-low) < size }

// Max returns the later of n and o.
func (n Number) Max(o Number) Number {
	if n.After(o) {
		return n
	}
	return o
}

// Min returns the earlier of n and o.
func (n Number) Min(o Number) Number {
	if n.Before(o) {
		return n
	}
	return o
}

// Range is the half-open interval [Start, End) of sequence space.
type Range struct{ Start, End Number }

// Len returns the number of bytes in the range.
func (r Range) Len() int { return r.End.Since(r.Start) }
