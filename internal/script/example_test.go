package script_test

import (
	"fmt"
	"log"

	"myriad/internal/script"
)

// A script, run by hand.
func ExampleParse() {
	s, err := script.Parse("refused", `
		+0     open
		+0     > S 0:0(0) <...>
		+0.020 < R. 0:0(0) ack 1
		+0     * failed refused
	`)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(s.Run(script.Options{}))
	// Output: <nil>
}
