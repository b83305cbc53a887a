// Package weburl brings web addresses into one canonical spelling, so that a
// page linked in ten ways is fetched once.
//
// A canonical URL is http or https, has a lower-case host, no default port, no
// user, no fragment, and always a path. Functions are pure and safe for
// concurrent use. What cannot be brought into that form is an error, never a
// guess.
package weburl

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// MaxBytes is the longest canonical URL accepted. It keeps a line of output
// below one page of memory, which the output needs to stay whole after a kill.
const MaxBytes = 2000

// ErrNotWeb marks addresses that no web server answers: other schemes, no
// host, bad ports.
var ErrNotWeb = errors.New("not a web address")

// Parse returns the canonical form of an absolute URL, as a seed file holds
// it.
func Parse(text string) (string, error) {
	u, err := url.Parse(clean(text))
	if err != nil {
		return "", fmt.Errorf("weburl: %w: %w", ErrNotWeb, err)
	}
	return canonical(new(url.URL).ResolveReference(u)) // which removes dot segments
}

// Resolve returns the canonical form of a reference found on the page base.
func Resolve(base *url.URL, ref string) (string, error) {
	u, err := url.Parse(clean(ref))
	if err != nil {
		return "", fmt.Errorf("weburl: %w: %w", ErrNotWeb, err)
	}
	return canonical(base.ResolveReference(u))
}

// Split takes a canonical URL apart: its site ("http://host:port", the unit
// that robots.txt speaks for), its host without port or brackets, and its
// port.
func Split(canonical string) (site, host string, port uint16) {
	scheme := strings.Index(canonical, "://") + 3
	end := len(canonical)
	if slash := strings.IndexByte(canonical[scheme:], '/'); slash >= 0 {
		end = scheme + slash
	}
	site, host = canonical[:end], canonical[scheme:end]
	port = defaultPort(canonical[:scheme-3])
	if colon := strings.LastIndexByte(host, ':'); colon > strings.LastIndexByte(host, ']') {
		number, _ := strconv.ParseUint(host[colon+1:], 10, 16)
		host, port = host[:colon], uint16(number)
	}
	return site, strings.Trim(host, "[]"), port
}

// canonical spells a URL that is resolved.
func canonical(u *url.URL) (string, error) {
	port := defaultPort(u.Scheme)
	if port == 0 || u.Opaque != "" {
		return "", fmt.Errorf("weburl: scheme %q: %w", u.Scheme, ErrNotWeb)
	}
	host, err := canonicalHost(u.Hostname())
	if err != nil {
		return "", err
	}
	if text := u.Port(); text != "" {
		number, err := strconv.ParseUint(text, 10, 16)
		if err != nil || number == 0 {
			return "", fmt.Errorf("weburl: port %q: %w", text, ErrNotWeb)
		}
		if uint16(number) != port {
			host += ":" + strconv.Itoa(int(number))
		}
	}
	path := u.EscapedPath()
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	text := u.Scheme + "://" + host + path
	if u.RawQuery != "" {
		text += "?" + u.RawQuery
	}
	if len(text) > MaxBytes {
		return "", fmt.Errorf("weburl: %d bytes, more than %d: %w", len(text), MaxBytes, ErrNotWeb)
	}
	return text, nil
}

// canonicalHost lowers names, drops a final dot and writes addresses in their
// one form.
func canonicalHost(host string) (string, error) {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if addr, err := netip.ParseAddr(host); err == nil {
		addr = addr.Unmap()
		if addr.Is6() {
			return "[" + addr.WithZone("").String() + "]", nil
		}
		return addr.String(), nil
	}
	if len(host) > 253 || strings.Contains("."+host+".", "..") { // too long, or an empty label
		return "", fmt.Errorf("weburl: host %q: %w", host, ErrNotWeb)
	}
	for i := range len(host) {
		c := host[i]
		letter := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		if !letter && c != '-' && c != '.' && c != '_' {
			return "", fmt.Errorf("weburl: host %q: %w", host, ErrNotWeb)
		}
	}
	return host, nil
}

func defaultPort(scheme string) uint16 {
	switch scheme {
	case "http":
		return 80
	case "https":
		return 443
	}
	return 0
}

// clean escapes what may not stand in a request line and drops line breaks and
// tabs, as browsers do. Everything else stays as the page's author wrote it,
// since servers tell spellings apart.
func clean(text string) string {
	text = strings.TrimSpace(text)
	dirty := 0
	for i := range len(text) {
		if !plain(text[i]) {
			dirty++
		}
	}
	if dirty == 0 {
		return text
	}
	escaped := make([]byte, 0, len(text)+2*dirty)
	for i := range len(text) {
		switch c := text[i]; {
		case plain(c):
			escaped = append(escaped, c)
		case c != '\t' && c != '\n' && c != '\r':
			escaped = append(escaped, '%', hex[c>>4], hex[c&15])
		}
	}
	return string(escaped)
}

const hex = "0123456789ABCDEF"

func plain(c byte) bool { return c > ' ' && c < 0x7f && c != '"' && c != '<' && c != '>' && c != '\\' }
