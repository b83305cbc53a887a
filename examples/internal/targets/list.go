package targets

import (
	"bufio"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
)

// Parse reads one address or CIDR. Bits beyond the CIDR's length are an error:
// 192.0.2.1/24 may be meant as either.
func Parse(text string) (netip.Prefix, error) {
	prefix, err := netip.ParsePrefix(text)
	if addr, ok := netip.ParseAddr(text); ok == nil {
		prefix, err = netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	if err != nil || !prefix.Addr().Is4() {
		return netip.Prefix{}, fmt.Errorf("%q is no IPv4 address or CIDR such as 192.0.2.0/24", text)
	}
	if prefix != prefix.Masked() {
		return netip.Prefix{}, fmt.Errorf("%q has bits beyond its length: give %v, or the address alone", text, prefix.Masked())
	}
	return prefix, nil
}

// Read yields each entry of a list with its line's number, until yield is false.
func Read(in io.Reader, yield func(line int, p netip.Prefix) bool) error {
	lines := bufio.NewScanner(in)
	for number := 1; lines.Scan(); number++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		prefix, err := Parse(text)
		if err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
		if !yield(number, prefix) {
			return nil
		}
	}
	return lines.Err()
}

// ReadFile is Read of a file, or of standard input where path is -. Errors
// name the path.
func ReadFile(path string, yield func(line int, p netip.Prefix) bool) error {
	in := os.Stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return err // it names the path
		}
		defer f.Close()
		in = f
	}
	if err := Read(in, yield); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
