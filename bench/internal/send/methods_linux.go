package send

// DeviceMethod is the one that sends by Config.Device.
const DeviceMethod = "afxdp"

// ByDevice tells which methods send by Config.Device.
func ByDevice(method string) bool { return method == DeviceMethod || method == LiveMethod }

// Methods are the ways to send.
var Methods = []string{"raw", "raw-batch", "packet", "packet-batch", "packet-ring", DeviceMethod, LiveMethod}

// newSender makes queue k's sender, in the interface's namespace.
func newSender(c *Config, k int, f frames) (sender, error) {
	switch c.Method {
	case DeviceMethod, LiveMethod:
		return newDeviceSender(c, k, f), nil
	case "packet-ring":
		return newRingSender(c, f)
	default:
		return newSocketSender(c, f)
	}
}
