package main

import (
	"bufio"
	"fmt"
	"net/netip"
	"os"
	"strings"

	"myriad/examples/internal/weburl"
)

// openSeeds opens the file of -seeds; - is standard input.
func openSeeds(path string) (*os.File, error) {
	if path == "-" {
		return os.Stdin, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("-seeds: %w", err)
	}
	return f, nil
}

// readSeeds reads a file of URLs. withNames refuses names when it is false,
// since nothing could look them up.
func readSeeds(path string, withNames bool) ([]string, error) {
	f, err := openSeeds(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var seeds []string
	lines := bufio.NewScanner(f)
	for number := 1; lines.Scan(); number++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		seed, err := weburl.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("-seeds %s, line %d: %q is no URL such as http://www.example.org/: %w", path, number, text, err)
		}
		_, host, _ := weburl.Split(seed)
		if _, err := netip.ParseAddr(host); err != nil && !withNames {
			return nil, fmt.Errorf("-resolver is missing: %s, line %d, has the name %s; give a DNS server that answers over TCP", path, number, host)
		}
		seeds = append(seeds, seed)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("-seeds %s: %w", path, err)
	}
	if len(seeds) == 0 {
		return nil, fmt.Errorf("-seeds %s: there is no URL in it", path)
	}
	return seeds, nil
}
