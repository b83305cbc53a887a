package script

// status says what became of a rule.
type status string

const (
	done    status = "done"
	partly  status = "done, with a deviation"
	without status = "deviation"
)

// row is one line of the checklist that binds a client-only TCP.
type row struct {
	number int
	source string // where the rule stands
	rule   string
	status status
	// deviation is the text, or texts, between semicolons, of the README's table
	// of deviations that the row is about; the table gives the reasons.
	deviation string
}

var rows = []row{
	{1, "RFC 9293 M2, M3", "checksum on every segment; a bad one is dropped and counted", done, ""},
	{2, "RFC 9293 M5, M6", "options in any segment, unknown ones ignored", done, ""},
	{3, "RFC 9293 M7, M64, M69", "illegal lengths, unaligned options, padding is zero", done, ""},
	{4, "RFC 9293 §3.1", "reserved bits ignored, and sent as zero", done, ""},
	{5, "RFC 9293 M14, M65, M67; RFC 6691", "MSS on SYN only, from the MTU, options not subtracted", done, ""},
	{6, "RFC 9293 M15", "a missing MSS means 536; IPv4 only", done, ""},
	{7, "RFC 9293 M16", "segments within the peer's MSS and the path, less options", partly, "an MSS below 48 (RFC 9293 M16)"},
	{8, "RFC 9293 M1", "the window is unsigned", done, ""},
	{9, "RFC 9293 M8, M9; RFC 6528", "ISN is a clock plus a keyed function of the ends", partly, "the scanner's sequence numbers (RFC 6528)"},
	{10, "RFC 9293 §3.10.7.3", "SYN-SENT: unacceptable ACK gets a RST, a RST none", done, ""},
	{11, "RFC 9293 §3.10.7.3", "SYN-SENT: RST counts only with an acceptable ACK", done, ""},
	{12, "RFC 9293 §3.10.7.3", "SYN-SENT: RST without ACK is ignored", done, ""},
	{13, "RFC 9293 M10", "simultaneous open", partly, "RST in SYN-RECEIVED (RFC 9293 §3.10.7.4)"},
	{14, "RFC 9293 §3.10.7.4", "a SYN-ACK that comes again is acknowledged again", done, ""},
	{15, "RFC 9293 §3.4", "data on the SYN-ACK is delivered", done, ""},
	{16, "RFC 9293 M43 to M46", "bad destinations refused; local end selectable and stable", done, ""},
	{17, "RFC 9293 M23", "R2 of a SYN may be 3 minutes; the application may give up sooner", partly, "R2 of a SYN (RFC 9293 M23)"},
	{18, "RFC 7413", "data on the SYN", without, "TCP Fast Open (RFC 7413)"},
	{19, "RFC 9293 §3.10.7.4", "the four-case acceptability test, answered with an ACK", done, ""},
	{20, "RFC 9293 §3.10.7.4", "a full duplicate is acknowledged again", done, ""},
	{21, "RFC 9293 SHLD-31", "out-of-order data queued, overlaps trimmed, first copy wins", done, ""},
	{22, "RFC 9293 M58, M59", "one ACK after all that is queued was processed", done, ""},
	{23, "RFC 9293 M40, SHLD-19; RFC 5681", "delayed ACK, every second segment, at once around a hole", partly, "delayed ACK"},
	{24, "RFC 2018, RFC 2883", "SACK blocks and their order, D-SACK", done, ""},
	{25, "RFC 9293 M39, SHLD-14", "receiver's silly-window avoidance; the edge never shrinks", done, ""},
	{26, "RFC 9293 §3.10.7.4", "an out-of-order FIN waits for the gap", done, ""},
	{27, "RFC 9293 M66", "RST and URG at a zero window", done, ""},
	{28, "RFC 9293 M30, M31", "urgent data cannot stall the stream", without, "urgent data (RFC 9293 §3.8.5)"},
	{29, "RFC 7323 §2", "scaling only if both offer it, never in a SYN, 14 at most", done, ""},
	{30, "RFC 7323 §3.2", "timestamps on every segment but RST", done, ""},
	{31, "RFC 7323 §5", "PAWS drops and acknowledges; RST is exempt", done, ""},
	{32, "RFC 7323 §4.3, §5.5", "TS.Recent from the left edge, invalid after 24 idle days", done, ""},
	{33, "RFC 6298, RFC 9293 M18", "RTT estimate, RTO of 1 s at first, doubling; floor 200 ms", partly, "RTO of at least 1 s"},
	{34, "RFC 6298 §3, §5.7", "Karn; 3 s for data after a SYN timeout", done, ""},
	{35, "RFC 5681, 6928, 8985, 6937, 9438", "initial window, congestion control, loss recovery with SACK", partly, "F-RTO (RFC 5682); CUBIC's growth where Reno is faster; tail loss probe; segments in flight (RFC 8985 §5.1); batches of ACKs in recovery (RFC 6937); initial window of 14,600"},
	{36, "RFC 9293 M20, M21", "R2 ends the connection, and can be set; R1 is not reported by itself", partly, "R1 (RFC 9293 M20)"},
	{37, "RFC 9293 M34, M36, M37", "zero-window probes; a shrinking window is survived", done, ""},
	{38, "RFC 9293 M17, M38, M61", "sender's silly-window avoidance, no Nagle, PSH", partly, "Nagle (RFC 9293 §3.7.4)"},
	{39, "RFC 9293 §3.10.7.4; RFC 5961 §5", "ACKs above SND.NXT and too old ones", done, ""},
	{40, "RFC 9293 §3.6, §3.10.7.4", "all closing states; a FIN that comes again is acknowledged", partly, "connections that the application has left"},
	{41, "RFC 9293 M13; RFC 1337", "TIME-WAIT of 2MSL, cut short when the table is full; no overlap with a 4-tuple's last use", partly, "2MSL of 4 minutes; connections in TIME-WAIT; a 4-tuple after its end"},
	{42, "RFC 9293 SHLD-3, M12", "closing with unread data resets; ends are told apart", done, ""},
	{43, "RFC 5961 §3", "RST only at RCV.NXT, challenge in the window, dropped outside", done, ""},
	{44, "RFC 5961 §4, §7", "SYN gets a challenge ACK; those are limited", done, ""},
	{45, "RFC 9293 §3.10.7.1", "a segment for no connection gets a RST, a RST none", done, ""},
	{46, "RFC 9293 M54; RFC 5927", "ICMP counts only about what is in flight", done, ""},
	{47, "RFC 9293 M55, M56, SHLD-26", "soft and hard ICMP errors; source quench is ignored", partly, "ICMP errors before the connection stands"},
	{48, "RFC 1191, RFC 5927 §7", "fragmentation needed lowers the segment size, to a floor", done, ""},
	{49, "RFC 9293 M24 to M29", "no keep-alive; those of the peer are answered", without, "keep-alive (RFC 9293 §3.8.4)"},
	{50, "RFC 9293 M48, M49", "TTL can be set, the DSCP not", partly, "DSCP (RFC 9293 M48)"},
	{51, "RFC 1122 §3.3.2", "IPv4 fragments are reassembled", partly, "IPv4 fragments (RFC 1122 §3.3.2)"},
	{52, "RFC 791, RFC 1122 §3.2.1", "IPv4 header: checksum, options, length, TTL, padding", done, ""},
	{53, "RFC 4821", "path MTU black holes", without, "path MTU probing (RFC 4821)"},
	{54, "RFC 3168", "ECN", without, "ECN (RFC 3168)"},
	{55, "RFC 9293 §3.8.6", "the receive window tunes itself within its bounds", done, ""},
	{56, "RFC 9293 §3.10.7.1; RFC 5961", "a challenge ACK after our RST gets a RST from where it points", done, ""},
	{57, "RFC 9293 §3.10.7.1", "RSTs for no connection are limited in rate", partly, "segments for no connection"},
}

// document is a further standards-track or common document.
type document struct{ name, verdict string }

// documents are those of RFC 7414's §2 to §4 (core functionality, strongly
// encouraged enhancements, experimental extensions), and what came after it.
var documents = []document{
	{"RFC 791, 792 (IPv4, ICMP)", "done, rows 46 to 52"},
	{"RFC 793, 1122, 6093, 6429, 6528, 6633, 6691 (TCP until 2022)", "RFC 9293 replaces or contains them: rows 1 to 50"},
	{"RFC 2460, 8200, 1981, 8201 (TCP and path MTU over IPv6)", "left out: IPv4 only so far"},
	{"RFC 2675 (jumbograms)", "not applicable: IPv6 only"},
	{"RFC 2873 (precedence)", "done: precedence and security are not looked at"},
	{"RFC 5681 (congestion control)", "done, row 35"},
	{"RFC 6298 (retransmission timer)", "done, rows 33 and 34, but for the floor"},
	{"RFC 879, 6691 (MSS and options)", "done, rows 5 and 7"},
	{"RFC 1323, 7323 (window scale, timestamps, PAWS)", "done, rows 29 to 32; timestamps are off by default"},
	{"RFC 2018, 2883, 6675 (SACK, D-SACK, recovery)", "done, rows 24 and 35; recovery is RFC 8985's"},
	{"RFC 3042 (limited transmit)", "done, row 35: a duplicate ACK counts as a segment that has left"},
	{"RFC 6582 (NewReno)", "done, row 35, for peers without SACK"},
	{"RFC 3168 (ECN), 3540 and 8311 (nonces, experiments)", "left out: see the README's deviations"},
	{"RFC 3390, 6928 (initial window)", "done, row 35"},
	{"RFC 3465 (byte counting)", "done, with the 8 segments an ACK of RFC 9406 in place of 2"},
	{"RFC 3522, 4015, 5682, 3708 (Eifel, F-RTO, D-SACK)", "in part: a spurious timeout is taken back; see the README's deviations"},
	{"RFC 4821, 8899 (path MTU probing)", "left out: see the README's deviations; RFC 1191 done, row 48"},
	{"RFC 1144, 2507, 4996, 6846 (header compression)", "not applicable: the links' own affair"},
	{"RFC 1948, 6056 (attacks on numbers and ports)", "done, row 9: RFC 6528 has replaced the former; ports are chosen by a keyed permutation"},
	{"RFC 4987 (SYN floods)", "not applicable: nothing is accepted"},
	{"RFC 4953, 5461, 5927, 5961 (attacks and defences)", "done, rows 39, 43, 44, 46, 47 and 57"},
	{"RFC 2385, 5925, 5926 (MD5, TCP-AO)", "not applicable: for routing sessions; the options are passed over"},
	{"RFC 5482 (user timeout option)", "left out: R2 and Open.Timeout are the application's, the option is passed over"},
	{"RFC 1337 (TIME-WAIT hazards), 6191 (timestamps in TIME-WAIT)", "1337 done, row 41; 6191 is for those who accept connections"},
	{"RFC 6994 (experimental options)", "done, row 2: passed over like any that is not known"},
	{"RFC 3124 (congestion manager)", "left out: connections share no congestion state"},
	{"RFC 7413 (Fast Open)", "left out: see the README's deviations"},
	{"RFC 6824, 8684 (multipath)", "not applicable: one path per connection; the option is passed over"},
	{"RFC 2914, 8961 (principles)", "done: timeouts and window probes back off; timeouts in a row count against R2, what ACKs or probes have sent again does not"},
	{"RFC 5562, 7560, 8257, 9330 (ECN on SYN-ACK, DCTCP, L4S)", "not applicable without ECN"},
	{"RFC 6937, 9937 (PRR), 8985 (RACK-TLP), 9438 (CUBIC), 9406 (HyStart++)", "done, row 35 and the tests of package handshake; what differs is among the README's deviations"},
	{"RFC 7661 (window validation), 2861", "in part: the window grows only while it is used"},
	{"RFC 3449, 3481, 3819 (asymmetric and radio links)", "not applicable: advice for links"},
}
