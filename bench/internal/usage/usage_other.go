//go:build !linux && !windows

package usage

// Process returns zeros.
func Process() CPU { return CPU{} }

// Machine returns zeros.
func Machine() Whole { return Whole{} }

// ResidentBytes returns 0.
func ResidentBytes() uint64 { return 0 }

// Of returns zeros.
func Of(int) (CPU, error) { return CPU{}, nil }

// Family is Process: what ended children have used is not told here.
func Family() CPU { return Process() }
