package iterate

import (
	"math/rand/v2"

	"golang.org/x/net/dns/dnsmessage"
)

// ednsBytes is the UDP reply that we take (dnsflagday.net/2020).
const ednsBytes = 1232

// Question is what is asked for.
type Question struct {
	Name string // as ParseName returns it
	Type dnsmessage.Type
}

// appendQuery appends a request, and returns the name as sent in sent.
func appendQuery(dst []byte, q Question, id uint16, edns bool, random *rand.ChaCha8, sent *dnsmessage.Name) ([]byte, error) {
	if err := mixCase(sent, q.Name, random); err != nil {
		return nil, err
	}
	b := dnsmessage.NewBuilder(dst, dnsmessage.Header{ID: id})
	if err := b.StartQuestions(); err != nil {
		return nil, err
	}
	if err := b.Question(dnsmessage.Question{Name: *sent, Type: q.Type, Class: dnsmessage.ClassINET}); err != nil {
		return nil, err
	}
	if edns {
		if err := b.StartAdditionals(); err != nil {
			return nil, err
		}
		h := dnsmessage.ResourceHeader{}
		if err := h.SetEDNS0(ednsBytes, dnsmessage.RCodeSuccess, false); err != nil {
			return nil, err
		}
		h.Name = rootName
		if err := b.OPTResource(h, dnsmessage.OPTResource{}); err != nil {
			return nil, err
		}
	}
	return b.Finish()
}

var rootName = dnsmessage.MustNewName(".")

// mixCase gives each letter a case of its own (draft-vixie-dnsext-dns0x20).
func mixCase(n *dnsmessage.Name, name string, random *rand.ChaCha8) error {
	if len(name) > len(n.Data) {
		return errNameLength
	}
	n.Length = uint8(copy(n.Data[:], name))
	var bits uint64
	for i := range int(n.Length) {
		if i%64 == 0 {
			bits = random.Uint64()
		}
		if c := n.Data[i]; 'a' <= c && c <= 'z' && bits>>(i%64)&1 == 1 {
			n.Data[i] = c - 'a' + 'A'
		}
	}
	return nil
}
