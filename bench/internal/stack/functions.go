package stack

import "strings"

// Parts of a run that are not the library's.
const (
	Device  = "device" // and the rest of the measurement
	Runtime = "Go runtime"
)

// functions are the components of single functions, where it is not known who
// called them: by a part of the name, the first that fits.
var functions = []struct{ in, component string }{
	{"bench/internal/stack.(*prober)", "application"},
	{"bench/internal/", Device},
	{"linklayer.Parse", "parse"},
	{"linklayer.parse", "parse"},
	{"linklayer.check", "parse"},
	{"linklayer.", "build"},
	{"conntable.(*Quarantine)", "open"},
	{"conntable.(*Allocator)", "open"},
	{"conntable.", "look-up"},
	{"handshake.(*sip)", "open"},
	{"handshake.(*Machine).Open", "open"},
	{"handshake.(*Machine).Output", "build"},
	{"handshake.(*Machine).output", "build"},
	{"handshake.(*Machine).advertise", "build"},
	{"handshake.", "step"},
	{"timers.", "timers"},
	{"tcpclient.(*Worker).rearm", "timers"},
	{"tcpclient.(*Worker).emit", "build"},
	{"tcpclient.(*transmitter)", "transmit"},
	{"tcpclient.(*Worker).open", "open"},
	{"tcpclient.(*Worker).Open", "open"},
	{"tcpclient.(*Worker).startNew", "open"},
	{"tcpclient.(*Worker).claim", "open"},
	{"tcpclient.(*Worker).remove", "end"},
	{"tcpclient.(*Worker).closeOne", "end"},
	{"tcpclient.(*Worker).sort", "receive"},
	{"tcpclient.(*Worker).receive", "receive"},
	{"tcpclient.(*Worker).segment", "receive"},
	{"tcpclient.(*Worker).resolve", "receive"},
	{"tcpclient.(*Worker).result", "events"},
	{"tcpclient.(*Worker).deliver", "events"},
	{"tcpclient.", Turn},
}

// FunctionPart is the component of a function by itself.
func FunctionPart(name string) string {
	for k := range functions {
		if strings.Contains(name, functions[k].in) {
			return functions[k].component
		}
	}
	return Runtime
}
