//go:build !race

package iterate

const raceEnabled = false
