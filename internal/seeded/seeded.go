// Package seeded gives tests random numbers that can be had again: each test
// logs the seed that it ran with, and MYRIAD_SEED sets it.
package seeded

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
)

// Rand returns a source seeded by MYRIAD_SEED, or at random when it is unset.
// The seed is in the log of a test that fails.
func Rand(t testing.TB) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv("MYRIAD_SEED"); text != "" {
		set, err := strconv.ParseUint(text, 0, 64)
		if err != nil {
			t.Fatalf("MYRIAD_SEED: %v", err)
		}
		seed = set
	}
	t.Logf("MYRIAD_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, seed))
}
