package demoweb

// Outcome is what becomes of a kind of URL.
type Outcome int

// The outcomes of a crawl.
const (
	_               Outcome = iota
	Found                   // 200
	Redirected              // 3xx
	NotFound                // 404
	Forbidden               // by robots.txt
	PortClosed              // RST
	NoAnswer                // time passes
	HostUnreachable         // ICMP
	NoName                  // NXDOMAIN
)

// Each yields every URL that is reached from the root, with its outcome.
func (w *Web) Each(yield func(url string, o Outcome) bool) {
	for _, kind := range []struct {
		count int
		at    func(int) string
		o     Outcome
	}{
		{w.Pages, w.PageURL, Found}, {w.Redirects, w.RedirectURL, Redirected}, {w.Missing, w.MissingURL, NotFound},
		{w.Private, w.PrivateURL, Forbidden}, {w.Dead, w.ClosedURL, PortClosed}, {w.Dead, w.SilentURL, NoAnswer},
		{w.Dead, w.UnreachableURL, HostUnreachable}, {w.Dead, w.NamelessURL, NoName},
	} {
		for i := range kind.count {
			if !yield(kind.at(i), kind.o) {
				return
			}
		}
	}
}

// Count is how many URLs Each yields.
func (w *Web) Count() int {
	return w.Pages + w.Redirects + w.Missing + w.Private + 4*w.Dead
}
