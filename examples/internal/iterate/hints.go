package iterate

import (
	"bufio"
	"fmt"
	"io"
	"net/netip"
	"strings"
)

// Host is a name server and its address.
type Host struct {
	Name string
	Addr netip.Addr
}

// Roots are the root servers as of 2025 (internic.net/domain/named.root).
func Roots() []Host {
	var hosts []Host
	for k, a := range []string{
		"198.41.0.4", "170.247.170.2", "192.33.4.12", "199.7.91.13", "192.203.230.10", "192.5.5.241", "192.112.36.4",
		"198.97.190.53", "192.36.148.17", "192.58.128.30", "193.0.14.129", "199.7.83.42", "202.12.27.33",
	} {
		hosts = append(hosts, Host{string(rune('a'+k)) + ".root-servers.net.", netip.MustParseAddr(a)})
	}
	return hosts
}

// ReadHints reads root hints, a zone file as InterNIC's named.root: of it the A
// records count.
func ReadHints(file io.Reader) ([]Host, error) {
	var hosts []Host
	lines := bufio.NewScanner(file)
	for number := 1; lines.Scan(); number++ {
		text, _, _ := strings.Cut(lines.Text(), ";")
		fields := strings.Fields(text)
		if len(fields) < 3 || !strings.EqualFold(fields[len(fields)-2], "A") {
			continue
		}
		name, err := ParseName(fields[0])
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		addr, err := netip.ParseAddr(fields[len(fields)-1])
		if err != nil || !addr.Is4() {
			return nil, fmt.Errorf("line %d: %q is no IPv4 address", number, fields[len(fields)-1])
		}
		hosts = append(hosts, Host{name, addr})
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(hosts) == 0 {
		return nil, fmt.Errorf("there is no A record in it, such as: a.root-servers.net. 3600000 A 198.41.0.4")
	}
	return hosts, nil
}
