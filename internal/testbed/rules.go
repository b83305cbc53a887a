package testbed

import "fmt"

// DropTCP is the nftables statement that drops TCP packets at random, perMille
// of 1000.
func DropTCP(perMille int) string {
	return fmt.Sprintf("ip protocol tcp numgen random mod 1000 < %d counter drop", perMille)
}
