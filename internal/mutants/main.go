package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
)

func main() {
	if err := command(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func command() error {
	rules := flag.Bool("rules", false, "the rules of the RFCs, in place of the bank")
	only := flag.String("run", "", "regular expression: only the rows that match")
	atOnce := flag.Int("j", runtime.NumCPU(), "mutants at a time")
	flag.Parse()
	match, err := regexp.Compile(*only)
	if err != nil {
		return fmt.Errorf("mutants: -run: %w", err)
	}
	if *atOnce < 1 {
		return fmt.Errorf("mutants: -j %d is not at least 1", *atOnce)
	}
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	list, err := choose(*rules, match)
	if err != nil {
		return err
	}
	return play(root, list, *atOnce)
}

// choose returns the mutants that were asked for.
func choose(rules bool, match *regexp.Regexp) (list []*mutant, err error) {
	all, err := parse("bank.txt", bankText)
	if rules {
		all, err = parse("rules.txt", rulesText)
	}
	for _, m := range all {
		if match.MatchString(m.row) {
			list = append(list, m)
		}
	}
	if err == nil && len(list) == 0 {
		err = errors.New("mutants: no row matches")
	}
	return list, err
}

// play runs the mutants and prints how they fared.
func play(root string, list []*mutant, atOnce int) error {
	bad, killed, controls := 0, 0, 0
	err := runAll(root, list, atOnce, func(r *report) {
		verdict := "killed"
		switch {
		case r.err != nil:
			verdict = r.err.Error()
			bad++
		case r.harmless():
			verdict = "noticed by no test, as it should be"
			controls++
		case r.row == "canary":
			verdict = "found"
			controls++
		default:
			killed++
		}
		fmt.Printf("%-9s %6s  %s: %s\n", r.row, r.took, r.change, verdict)
	})
	if err != nil {
		return err
	}
	fmt.Printf("%d mutants killed, %d controls as they should be, %d not\n", killed, controls, bad)
	if bad > 0 {
		return fmt.Errorf("mutants: %d of %d are not as they should be", bad, len(list))
	}
	return nil
}

func moduleRoot() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "myriad").Output()
	if err != nil {
		return "", fmt.Errorf("mutants: go list: %w", err)
	}
	return filepath.Clean(strings.TrimSpace(string(out))), nil
}
