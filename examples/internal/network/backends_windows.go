package network

// backends are tried in this order.
var backends = []string{"irlstack"}
