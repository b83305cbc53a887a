package handshake

// Bits of conntable.Entry.Flags.
const (
	// Queued is the owner's: the connection is in its list for Output.
	Queued uint16 = 1 << iota
	ackNow
	sendSYN   // a SYN, or in SYN-RECEIVED a SYN-ACK
	sendRST   // and then the end
	sendAgain // what lies at SndUna, once
	sendProbe // a byte beyond the peer's closed window
	request   // the interned request is still to be sent
	separate  // and not on the handshake's ACK
	finQueued // FIN follows the data
	noRead    // the application takes no more data
	sackOK    // the peer permits SACK
	stampsOK  // RFC 7323 timestamps are in use
	paused    // the application takes no data now
	blocked   // a Write was short: Writable is owed
	finHeld   // the peer's FIN waits behind held data
	fresh     // SYN not sent yet: it is the owner's to pace
)

// Resetting reports that the connection was given up: it says RST, and is
// gone.
func Resetting(flags uint16) bool { return flags&sendRST != 0 }
