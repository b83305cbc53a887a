package demoweb

import (
	"encoding/binary"
	"io"
	"net"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// timeToLive is how long, in seconds, the demo's addresses may be remembered.
const timeToLive = 300

// ServeDNS answers queries over TCP until the listener is closed.
func (w *Web) ServeDNS(l net.Listener) error {
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go w.serveDNSConn(c)
	}
}

// serveDNSConn answers the queries of one connection (RFC 7766).
func (w *Web) serveDNSConn(c net.Conn) {
	defer c.Close()
	for {
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		var length [2]byte
		if _, err := io.ReadFull(c, length[:]); err != nil {
			return
		}
		query := make([]byte, binary.BigEndian.Uint16(length[:]))
		if _, err := io.ReadFull(c, query); err != nil {
			return
		}
		reply, err := w.answer(query)
		if err != nil {
			return
		}
		if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...)); err != nil {
			return
		}
	}
}

// ServeDNSPackets answers queries over UDP until the connection is closed.
func (w *Web) ServeDNSPackets(c net.PacketConn) error {
	buffer := make([]byte, 1500)
	for {
		n, from, err := c.ReadFrom(buffer)
		if err != nil {
			return err
		}
		if reply, err := w.answer(buffer[:n]); err == nil {
			_, _ = c.WriteTo(reply, from)
		}
	}
}

// answer makes the reply to one query.
func (w *Web) answer(query []byte) ([]byte, error) {
	var p dnsmessage.Parser
	header, err := p.Start(query)
	if err != nil {
		return nil, err
	}
	question, err := p.Question()
	if err != nil {
		return nil, err
	}
	addr, exists := w.NameAddr(question.Name.String())
	reply := dnsmessage.Header{ID: header.ID, Response: true, Authoritative: true, RecursionDesired: header.RecursionDesired,
		RecursionAvailable: true}
	if !exists {
		reply.RCode = dnsmessage.RCodeNameError
	}
	b := dnsmessage.NewBuilder(nil, reply)
	b.EnableCompression()
	if err := b.StartQuestions(); err != nil {
		return nil, err
	}
	if err := b.Question(question); err != nil {
		return nil, err
	}
	if err := b.StartAnswers(); err != nil {
		return nil, err
	}
	if exists && question.Type == dnsmessage.TypeA && question.Class == dnsmessage.ClassINET {
		h := dnsmessage.ResourceHeader{Name: question.Name, Class: dnsmessage.ClassINET, TTL: timeToLive}
		if err := b.AResource(h, dnsmessage.AResource{A: addr.As4()}); err != nil {
			return nil, err
		}
	}
	return b.Finish()
}
