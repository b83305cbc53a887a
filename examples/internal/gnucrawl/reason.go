package gnucrawl

import (
	"myriad/examples/internal/outcome"
	"myriad/tcpclient"
)

// Reason says why a node's record is not that of a 200. Those of tcpclient
// come first.
type Reason uint8

// What can go wrong above TCP.
const (
	CutShort    Reason = iota + 64 // the stream ended before the head did
	HeadTooLong                    // more than gnutella.HeadBytes without an end
	NotGnutella                    // the answer is none
	TooFrequent                    // 403: crawled before from this address
	Busy                           // 503
	OtherStatus                    // neither 200, 403 nor 503
	NoRoute                        // no way to the address by the interface
	Excluded                       // left alone
	reasonCount
)

// OK is a node that answered 200.
const OK Reason = 0

var reasonNames = [reasonCount]string{
	tcpclient.Refused: "refused", tcpclient.ResetByPeer: "reset", tcpclient.TimedOut: "timed out",
	tcpclient.DeadlineExceeded: "deadline exceeded", tcpclient.Unreachable: "unreachable",
	tcpclient.NoMemory: "no memory", tcpclient.DeviceGone: "device gone", tcpclient.Shutdown: "shut down",
	tcpclient.Unread: "failed",
	CutShort:         "cut short", HeadTooLong: "head too long", NotGnutella: "not gnutella",
	TooFrequent: "too frequent", Busy: "busy", OtherStatus: "other status", NoRoute: "no route", Excluded: outcome.Excluded,
}

func (r Reason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return "failed"
}

// again reports whether another attempt, from another address, may end better.
func (r Reason) again() bool {
	switch r {
	case Reason(tcpclient.TimedOut), Reason(tcpclient.DeadlineExceeded), Reason(tcpclient.ResetByPeer), CutShort, TooFrequent:
		return true
	}
	return false
}

// Reasons are the words for all reasons that a record may have.
func Reasons() (words []string) {
	for r, name := range reasonNames {
		if name != "" && Reason(r) != OK {
			words = append(words, name)
		}
	}
	return words
}

// statusReason is what a reply's status means.
func statusReason(status int) Reason {
	switch status {
	case 200:
		return OK
	case 403:
		return TooFrequent
	case 503:
		return Busy
	}
	return OtherStatus
}
