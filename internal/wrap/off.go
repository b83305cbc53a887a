//go:build !wrap31 && !wrap32

package wrap

const (
	place = 0
	tags  = ""
)
