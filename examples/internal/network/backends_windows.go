package network

// backends are tried in this order.
var backends = []string{"irlstack"}

// whyFirst is why the first of them was taken.
const whyFirst = "it is the only way on Windows"
