package send

// DeviceMethod is the one that sends by Config.Device.
const DeviceMethod = "irlstack"

// ByDevice tells which methods send by Config.Device.
func ByDevice(method string) bool { return method == DeviceMethod }

// Methods are the ways to send.
var Methods = []string{"raw", DeviceMethod}

// newSender makes queue k's sender.
func newSender(c *Config, k int, f frames) (sender, error) {
	if c.Method == DeviceMethod {
		return newDeviceSender(c, k, f), nil
	}
	return newRawSender(c, f)
}
