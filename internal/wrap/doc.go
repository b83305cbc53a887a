// Package wrap brings the places where 32-bit numbers wrap, or change their
// sign, to where a test suite meets them:
//
//	go test -tags wrap32 ./...   ISNs shortly before 2³², clocks before 2³² ms
//	go test -tags wrap31 ./...   the same at 2³¹
//
// Every connection's own initial sequence number is moved, whatever made it;
// clocks are those of simulated links, whose tests ask here for their start.
// Without a tag both functions return their argument, and cost nothing. At both
// places the clock's microseconds wrap too.
package wrap
