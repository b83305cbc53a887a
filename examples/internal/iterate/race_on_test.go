//go:build race

package iterate

const raceEnabled = true
