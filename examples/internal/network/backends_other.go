//go:build !windows

package network

// backends are tried in this order.
var backends = []string{"afxdp", "afpacket"}

// whyFirst is why the first of them was taken.
const whyFirst = "it is the faster way, and available here"
