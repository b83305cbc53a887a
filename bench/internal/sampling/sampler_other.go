//go:build !linux

package sampling

// Sampler is a measurement under way; there is none here.
type Sampler struct{}

// Start says that it cannot.
func Start() (*Sampler, error) { return nil, ErrNotSupported }

// Stop is never called.
func (*Sampler) Stop() (Profile, error) { return Profile{}, ErrNotSupported }
