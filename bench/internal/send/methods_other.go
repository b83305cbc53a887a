//go:build !linux && !windows

package send

import "errors"

// DeviceMethod is the one that sends by Config.Device.
const DeviceMethod = "device"

// ByDevice tells which methods send by Config.Device.
func ByDevice(method string) bool { return method == DeviceMethod }

// Methods are the ways to send.
var Methods = []string{DeviceMethod}

func newSender(*Config, int, frames) (sender, error) {
	return nil, errors.New("only Linux and Windows have ways to send")
}
