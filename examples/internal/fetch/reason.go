package fetch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
)

// Reasons of failure, as the output names them.
const (
	Refused          = "refused"            // RST in answer to our SYN
	Reset            = "reset"              // RST later on
	TimedOut         = "timed out"          // the peer did not answer
	DeadlineExceeded = "deadline exceeded"  // it took longer than allowed
	Unreachable      = "unreachable"        // ICMP says so, or no neighbour answers
	NoSuchName       = "no such name"       // the DNS says so
	NameFailed       = "name lookup failed" // the DNS could not say
	TooLarge         = "too large"          // the body was cut short by us
	CutShort         = "cut short"          // the reply ended too early
	BadTLS           = "tls"
	BadReply         = "bad reply" // no HTTP
	NoMemory         = "no memory" // a bound of ours was used up
	DeviceGone       = "device gone"
	Stopped          = "stopped" // the crawl was ended
	Failed           = "failed"  // none of the above; the detail says more
)

// Reason names the cause of an error from this package or a resolver; "" for
// nil.
func Reason(err error) string {
	var dns *net.DNSError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &dns):
		if dns.IsNotFound {
			return NoSuchName
		}
		return NameFailed
	case isTLS(err):
		return BadTLS
	}
	for _, c := range causes {
		if errors.Is(err, c.err) {
			return c.reason
		}
	}
	text := err.Error()
	for _, part := range badReplies {
		if strings.Contains(text, part) {
			return BadReply
		}
	}
	return Failed
}

// badReplies are parts of net/http's errors about replies, for which it has no
// values.
var badReplies = []string{
	"malformed HTTP", "malformed MIME header", "chunk length", "chunk line", "chunked",
	"transfer encoding", "Content-Length", "server response headers exceeded",
	"Unsolicited response",
}

// causes are looked for in this order.
var causes = []struct {
	err    error
	reason string
}{
	{ErrTooLarge, TooLarge},
	{syscall.ECONNREFUSED, Refused},
	{syscall.ECONNRESET, Reset},
	{syscall.EPIPE, Reset},
	{syscall.EHOSTUNREACH, Unreachable},
	{syscall.ENETUNREACH, Unreachable},
	{context.DeadlineExceeded, DeadlineExceeded},
	{os.ErrDeadlineExceeded, DeadlineExceeded},
	{syscall.ETIMEDOUT, TimedOut},
	{syscall.ENOBUFS, NoMemory},
	{syscall.ENETDOWN, DeviceGone},
	{context.Canceled, Stopped},
	{io.ErrUnexpectedEOF, CutShort},
	{io.EOF, CutShort},
	{net.ErrClosed, Stopped},
}

func isTLS(err error) bool {
	var alert tls.AlertError
	var record tls.RecordHeaderError
	var verify *tls.CertificateVerificationError
	var host x509.HostnameError
	return errors.As(err, &alert) || errors.As(err, &record) || errors.As(err, &verify) || errors.As(err, &host)
}
