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

	"myriad/examples/internal/frontier"
	"myriad/examples/internal/outcome"
)

// Reasons of failure, as the output names them, beside those of package
// outcome.
const (
	NoSuchName     = "no such name"       // the DNS says so
	NameFailed     = "name lookup failed" // the DNS could not say
	HeaderTooLarge = "header too large"   // more than headerBytes
	Bomb           = "unpacks to too much"
	BadEncoding    = "bad encoding"    // the body is not packed as it says, or in a way not asked for
	BadCertificate = "bad certificate" // of another name, out of its time, or of nobody whom we trust
	BadTLS         = "tls"
	BadReply       = "bad reply" // no HTTP
)

// The words of package outcome that a fetch may end with.
const (
	Refused          = outcome.Refused
	Reset            = outcome.Reset
	TimedOut         = outcome.TimedOut // the peer did not answer
	DeadlineExceeded = outcome.Deadline
	Unreachable      = outcome.Unreachable
	TooLarge         = outcome.TooLarge
	CutShort         = outcome.CutShort
	Excluded         = outcome.Excluded
	NoMemory         = outcome.NoMemory
	DeviceGone       = outcome.DeviceGone
	Stopped          = outcome.ShutDown
	Failed           = outcome.Failed
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
	case isCertificate(err):
		return BadCertificate
	case isTLS(err):
		return BadTLS
	}
	for _, c := range causes {
		if errors.Is(err, c.err) {
			return c.reason
		}
	}
	text := err.Error()
	for _, p := range phrases {
		if strings.Contains(text, p.part) {
			return p.reason
		}
	}
	for _, part := range badReplies {
		if strings.Contains(text, part) {
			return BadReply
		}
	}
	return Failed
}

// phrases are parts of those errors of net/http, for which it has no values,
// that are no bad reply.
var phrases = []struct{ part, reason string }{
	{"server response headers exceeded", HeaderTooLarge},
	{"header list too large", HeaderTooLarge},
	{"message too large", HeaderTooLarge},
	{"TLS handshake timeout", DeadlineExceeded},
	{"unexpected EOF reading trailer", CutShort},
	{"server closed idle connection", CutShort},
}

// badReplies are parts of net/http's errors about replies, for which it has no
// values.
var badReplies = []string{
	"malformed HTTP", "malformed MIME header", "chunk length", "chunk line", "chunked",
	"transfer encoding", "Content-Length", "Unsolicited response", "readLoopPeekFailLocked", "stream error", "PROTOCOL_ERROR",
	"connection error", "http2:", "railer", "line too long", "1xx informational",
}

// causes are looked for in this order.
var causes = []struct {
	err    error
	reason string
}{
	{ErrTooLarge, TooLarge},
	{ErrBomb, Bomb},
	{ErrEncoding, BadEncoding},
	{ErrMemory, NoMemory},
	{frontier.ErrExcluded, Excluded},
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

func isCertificate(err error) bool {
	var verify *tls.CertificateVerificationError
	var host x509.HostnameError
	return errors.As(err, &verify) || errors.As(err, &host)
}

func isTLS(err error) bool {
	var alert tls.AlertError
	var record tls.RecordHeaderError
	return errors.As(err, &alert) || errors.As(err, &record) || strings.Contains(err.Error(), "tls: ")
}
