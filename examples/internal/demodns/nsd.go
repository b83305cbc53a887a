package demodns

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// WriteZone writes a zone file.
func (z *Zone) write(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	b := bufio.NewWriter(f)
	fmt.Fprintf(b, "$TTL 300\n")
	for _, r := range z.Records {
		fmt.Fprintf(b, "%s IN %s %s\n", r.Name, strings.TrimPrefix(r.Type.String(), "Type"), r.Data)
	}
	if err := b.Flush(); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// WriteNSD writes zone files and, per level, a configuration of NSD into dir,
// which must be free of spaces.
func (t Tree) WriteNSD(dir string) (configs [Levels]string, err error) {
	var text [Levels]strings.Builder
	for l := range Levels {
		sub := filepath.Join(dir, fmt.Sprint("level", int(l)))
		if err := os.MkdirAll(sub, 0o755); err != nil {
			return configs, err
		}
		fmt.Fprintf(&text[l], "server:\n  server-count: 1\n  tcp-query-count: 0\n  ipv4-edns-size: 1232\n  minimal-responses: yes\n")
		fmt.Fprintf(&text[l], "  chroot: \"\"\n  username: \"\"\n  zonesdir: %q\n  database: \"\"\n  pidfile: \"\"\n", sub)
		fmt.Fprintf(&text[l], "  zonelistfile: \"%s/list\"\n  xfrdfile: \"\"\n  xfrdir: %q\n  rrl-ratelimit: 0\n", sub, sub)
		for _, a := range t.Addrs(l) {
			fmt.Fprintf(&text[l], "  ip-address: %s\n", a)
		}
		fmt.Fprintf(&text[l], "remote-control:\n  control-enable: no\n")
		configs[l] = filepath.Join(sub, "nsd.conf")
	}
	for k, z := range t.All() {
		path := filepath.Join(filepath.Dir(configs[z.Level]), fmt.Sprintf("zone%d", k))
		if err := z.write(path); err != nil {
			return configs, err
		}
		fmt.Fprintf(&text[z.Level], "zone:\n  name: %q\n  zonefile: %q\n", z.Origin, path)
	}
	for l := range Levels {
		if err := os.WriteFile(configs[l], []byte(text[l].String()), 0o644); err != nil {
			return configs, err
		}
	}
	return configs, nil
}
