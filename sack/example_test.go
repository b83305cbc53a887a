package sack_test

import (
	"fmt"

	"myriad/internal/seq"
	"myriad/sack"
)

// The segments at 100 and 400 are lost; 400 is the first to come again.
func Example() {
	pool, err := sack.NewPool(sack.PoolConfig{Ranges: 4096, PerConnection: 64})
	if err != nil {
		panic(err)
	}
	var ranges sack.Ranges
	rcvNxt := seq.Number(100)
	for _, start := range []seq.Number{200, 300, 500, 300, 400} {
		_, duplicate, err := ranges.Add(pool, seq.Range{Start: start, End: start + 100})
		if err != nil {
			panic(err)
		}
		if duplicate.Len() > 0 {
			fmt.Println("dropped", duplicate)
		}
		var blocks [4]seq.Range
		n := ranges.Blocks(blocks[:], 3)
		fmt.Println("ACK", rcvNxt, "SACK", blocks[:n])
	}
	rcvNxt = ranges.Advance(200) // the segment at 100 has come
	fmt.Println("ACK", rcvNxt, "holes", ranges.Len() > 0)
	// Output:
	// ACK 100 SACK [{200 300}]
	// ACK 100 SACK [{200 400}]
	// ACK 100 SACK [{500 600} {200 400}]
	// dropped {300 400}
	// ACK 100 SACK [{300 400} {200 400} {500 600}]
	// ACK 100 SACK [{200 600}]
	// ACK 600 holes false
}
