package program

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"runtime/debug"
	"slices"

	"myriad/examples/internal/account"
	"myriad/examples/internal/targets"
	"myriad/iobackend"
)

// Details tells, with -v, what a run has come to be: what the flags and their
// defaults ask for, and which device was found for it.
func (r *Run) Details(sources []netip.Prefix, devices ...iobackend.Info) {
	if !r.Detailed() {
		return
	}
	r.Log.Debug("process", "version", version(), "go", runtime.Version(), "processors", runtime.GOMAXPROCS(0), "command", commandLine())
	r.tell("settings", r.program.settings())
	for _, d := range devices {
		r.Log.Debug("device", "name", d.Name, "method", d.Method, "queues", d.Queues, "batch", d.BatchMax, "MTU", d.MTU,
			"address", d.HardwareAddr.String(), "receive hash known", d.ReceiveHash != nil, "checksums by the device", d.TransmitChecksum)
	}
	r.Log.Debug("our addresses", "CIDRs", fmt.Sprint(sources), "count", count(sources))
	r.Log.Debug("left alone", "special-purpose blocks", len(targets.Special), "lifted", fmt.Sprint([]netip.Prefix(r.Options.Allow)), "files", fmt.Sprint(r.Options.Exclude))
}

// promises tells what others are promised.
func (r *Run) promises(a account.Account) {
	var all []slog.Attr
	for _, b := range a.Bounds {
		limit := "no limit"
		if b.Limit > 0 {
			limit = map[bool]string{false: "at most ", true: "at least "}[b.Least] + fmt.Sprint(b.Limit)
		}
		all = append(all, slog.String(b.Name, limit))
	}
	r.tell("politeness", all)
}

// tell tells details, if there are any.
func (r *Run) tell(what string, details []slog.Attr) {
	if len(details) > 0 {
		r.Log.LogAttrs(context.Background(), slog.LevelDebug, what, details...)
	}
}

// settings are the values of all flags, with the defaults of the mode, but for
// those that are empty, and for lists, which the command line has.
func (p *Program) settings() (all []slog.Attr) {
	p.parsed.VisitAll(func(f *flag.Flag) {
		if v := f.Value.String(); v != "" && v != "false" && f.Name != "v" {
			all = append(all, slog.String("-"+f.Name, v))
		}
	})
	return all
}

// version is the commit that the binary is built from, where it knows.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	at := slices.IndexFunc(info.Settings, func(s debug.BuildSetting) bool { return s.Key == "vcs.revision" })
	if at < 0 {
		return "unknown"
	}
	return info.Settings[at].Value
}

// count is how many addresses there are.
func count(prefixes []netip.Prefix) (n uint64) {
	for _, p := range prefixes {
		n += 1 << (p.Addr().BitLen() - p.Bits())
	}
	return n
}
