package wrap

import "runtime"

// GoTest is the beginning of the command that runs a test as it is built here.
// A seed means another world where the tag or the size of int is another.
func GoTest() string { return "GOARCH=" + runtime.GOARCH + " go test" + tags }
