package script

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// packet is a segment or an ICMP message as a line of the script has it.
// Numbers are relative to the two initial sequence numbers; pointers are nil
// where the line says nothing.
type packet struct {
	icmp       *icmp
	flags      uint8
	eitherPSH  bool // p instead of P: with or without
	seq        int
	length     int
	ack        *int
	window     *int
	urgent     int
	options    []option
	anyOptions bool   // <...>
	text       []byte // the payload where it is written out
	has        map[string]int
}

// option is one TCP option; values are relative where numbers are.
type option struct {
	name   string // mss, nop, eol, wscale, sackOK, TS, sack, raw
	values []int
	any    bool // TS without values
	last   bool // TS ecr last: what the client said last
	raw    []byte
}

// icmp is a message about a segment of the client's.
type icmp struct {
	kind, code uint8
	mtu        int
	seq        int // of the quoted segment
}

// The control bits, in the header's order.
const (
	flagFIN = 1 << iota
	flagSYN
	flagRST
	flagPSH
	flagACK
	flagURG
	flagECE
	flagCWR
)

// flagLetters are packetdrill's, and its order of writing.
var flagLetters = []struct {
	letter byte
	bit    uint8
}{{'F', flagFIN}, {'S', flagSYN}, {'R', flagRST}, {'P', flagPSH}, {'.', flagACK}, {'U', flagURG}, {'E', flagECE}, {'W', flagCWR}}

func parseFlags(word string) (flags uint8, err error) {
	if word == "-" {
		return 0, nil
	}
next:
	for k := range len(word) {
		for _, f := range flagLetters {
			if word[k] == f.letter {
				flags |= f.bit
				continue next
			}
		}
		return 0, fmt.Errorf("flags %q: %q is none of FSRP.UEW", word, word[k])
	}
	return flags, nil
}

func formatFlags(flags uint8) string {
	var b strings.Builder
	for _, f := range flagLetters {
		if flags&f.bit != 0 {
			b.WriteByte(f.letter)
		}
	}
	if b.Len() == 0 {
		return "-"
	}
	return b.String()
}

// marks are words with a number that say more about a packet.
var marks = map[string]bool{
	"ttl": true, "tos": true, "reserved": true, "badsum": false, "ipbadsum": false, "padding": true,
	"ipoptions": false, "fragment": true, "overlap": false, "cut": true, "offset": true, "mac": false,
	"sport": true, "dport": true, "group": false, "totallength": true, "ihl": true, "from": true,
	"times": true,
}

// timesMost bounds how often one line may stand for a packet.
const timesMost = 10_000

// times is how often the packet is sent, or expected.
func (p *packet) times() int { return max(p.has["times"], 1) }

func (p *packet) parse(words []string) (err error) {
	if len(words) == 0 {
		return fmt.Errorf("no packet")
	}
	p.has = map[string]int{}
	if words[0] == "icmp" {
		return p.parseICMP(words[1:])
	}
	if len(words) < 2 {
		return fmt.Errorf("FLAGS FIRST:LAST(LENGTH) …")
	}
	p.eitherPSH = strings.Contains(words[0], "p")
	if p.flags, err = parseFlags(strings.ReplaceAll(words[0], "p", "")); err != nil {
		return err
	}
	if p.seq, p.length, err = parseRange(words[1]); err != nil {
		return err
	}
	return p.parseRest(words[2:])
}

// parseRange reads FIRST:LAST(LENGTH), where LAST is after the last byte.
func parseRange(word string) (first, length int, err error) {
	var last int
	if n, _ := fmt.Sscanf(word, "%d:%d(%d)", &first, &last, &length); n != 3 || fmt.Sprintf("%d:%d(%d)", first, last, length) != word {
		return 0, 0, fmt.Errorf("%q is not FIRST:LAST(LENGTH)", word)
	}
	if first+length != last || length < 0 {
		return 0, 0, fmt.Errorf("%q: from %d to %d are %d bytes", word, first, last, last-first)
	}
	return first, length, nil
}

func (p *packet) parseRest(words []string) error {
	for k := 0; k < len(words); k++ {
		w := words[k]
		argument := func() (int, error) {
			k++
			if k == len(words) {
				return 0, fmt.Errorf("%q needs a number", w)
			}
			n, err := number(words[k])
			return int(n), err
		}
		var n int
		var err error
		switch numbered, marked := marks[w]; {
		case w == "ack":
			n, err = argument()
			p.ack = &n
			if p.flags&flagACK == 0 {
				return fmt.Errorf("ack without the flag '.'")
			}
		case w == "win":
			n, err = argument()
			p.window = &n
		case w == "urg":
			p.urgent, err = argument()
		case marked && numbered:
			p.has[w], err = argument()
		case marked:
			p.has[w] = 1
		case w == "<...>":
			p.anyOptions = true
		case w[0] == '<' && len(w) > 1:
			p.options, err = parseOptions(w[1 : len(w)-1])
		case w[0] == '"':
			p.text, err = unquote(w)
		default:
			return fmt.Errorf("%q is not known here", w)
		}
		if err != nil {
			return err
		}
	}
	if n, ok := p.has["times"]; ok && (n < 1 || n > timesMost) {
		return fmt.Errorf("times %d is not within 1 and %d", n, timesMost)
	}
	if p.text != nil && len(p.text) != p.length {
		return fmt.Errorf("%d bytes of text in a segment of %d", len(p.text), p.length)
	}
	return nil
}

func unquote(word string) ([]byte, error) {
	text, err := strconv.Unquote(word)
	return []byte(text), err
}

// parseOptions reads mss 1460,nop,wscale 7,sackOK,TS val 1 ecr 2,sack 1:2 3:4.
func parseOptions(list string) (options []option, err error) {
	for _, item := range strings.Split(list, ",") {
		words := strings.Fields(item)
		if len(words) == 0 {
			return nil, fmt.Errorf("an empty option in <%s>", list)
		}
		o := option{name: words[0]}
		switch o.name {
		case "nop", "eol", "sackOK":
		case "mss", "wscale":
			err = o.numbers(words[1:], 1)
		case "TS":
			err = o.parseTS(words[1:])
		case "sack":
			err = o.parseSACK(words[1:])
		case "raw":
			o.raw, err = hex.DecodeString(strings.Join(words[1:], ""))
		default:
			err = fmt.Errorf("no option %q", o.name)
		}
		if err != nil {
			return nil, err
		}
		options = append(options, o)
	}
	return options, nil
}

func (o *option) numbers(words []string, count int) error {
	if len(words) != count {
		return fmt.Errorf("option %s takes %d numbers", o.name, count)
	}
	for _, w := range words {
		n, err := number(w)
		if err != nil {
			return err
		}
		o.values = append(o.values, int(n))
	}
	return nil
}

func (o *option) parseTS(words []string) error {
	if len(words) == 0 {
		o.any = true
		return nil
	}
	if len(words) != 4 || words[0] != "val" || words[2] != "ecr" {
		return fmt.Errorf("TS val N ecr N")
	}
	if words[3] == "last" {
		o.last, words[3] = true, "0"
	}
	return o.numbers([]string{words[1], words[3]}, 2)
}

func (o *option) parseSACK(words []string) error {
	for _, w := range words {
		first, last, ok := strings.Cut(w, ":")
		a, err1 := number(first)
		b, err2 := number(last)
		if !ok || err1 != nil || err2 != nil {
			return fmt.Errorf("SACK block %q is not FIRST:LAST", w)
		}
		o.values = append(o.values, int(a), int(b))
	}
	return nil
}
