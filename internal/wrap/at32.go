//go:build wrap32

package wrap

const (
	place = 1 << 32
	tags  = " -tags wrap32"
)
