package send

// DeviceMethod is the one that sends by Config.Device.
const DeviceMethod = "afxdp"

// Methods are the ways to send.
var Methods = []string{"raw", "raw-batch", "packet", "packet-batch", "packet-ring", DeviceMethod}

// newSender makes queue k's sender, in the interface's namespace.
func newSender(c *Config, k int, f frames) (sender, error) {
	switch c.Method {
	case DeviceMethod:
		return newDeviceSender(c, k, f), nil
	case "packet-ring":
		return newRingSender(c, f)
	default:
		return newSocketSender(c, f)
	}
}
