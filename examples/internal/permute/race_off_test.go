//go:build !race

package permute

const raceEnabled = false
