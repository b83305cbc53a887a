package testbed

// TB is the part of testing.TB that Require uses; the package is linked into
// binaries that are no tests.
type TB interface {
	Helper()
	Skip(args ...any)
}

// Require skips the test with the reason when the process may not make
// network namespaces and load XDP programs.
func Require(t TB) {
	t.Helper()
	if !Privileged() {
		t.Skip("needs root: makes network namespaces and loads XDP programs")
	}
}
