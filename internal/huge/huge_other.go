//go:build !linux

package huge

// advise does nothing where large pages cannot be asked for like this.
func advise([]byte) {}
