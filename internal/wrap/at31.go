//go:build wrap31 && !wrap32

package wrap

const (
	place = 1 << 31
	tags  = " -tags wrap31"
)
