package tcpclient

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/iobackend/simlink"
)

// Every refusal names the field, the value, and the limit or the remedy.
func TestConfigIsRefusedByName(t *testing.T) {
	link, err := simlink.New(simlink.Config{})
	require.NoError(t, err)
	defer link.Close()
	good := func() Config {
		return Config{Manual: true, Interfaces: []Interface{{
			Device: link.End(0), Sources: []netip.Prefix{scriptLocal}, GatewayMAC: scriptMAC[:],
		}}}
	}
	for _, c := range []struct {
		change func(c *Config)
		want   string
	}{
		{func(c *Config) { c.Interfaces = nil }, "Config.Interfaces is empty"},
		{func(c *Config) { c.Interfaces[0].Sources = nil }, "Interface.Sources is empty"},
		{func(c *Config) { c.Interfaces[0].Sources = []netip.Prefix{scriptLocal, scriptLocal} }, "overlaps"},
		{func(c *Config) { c.Interfaces = append(c.Interfaces, c.Interfaces[0]) }, "overlaps"},
		{func(c *Config) { c.Interfaces[0].Sources = []netip.Prefix{netip.MustParsePrefix("fd00::/64")} }, "not an IPv4 prefix"},
		{func(c *Config) { c.Interfaces[0].Sources = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} }, "more than 65536 addresses"},
		{func(c *Config) { c.Interfaces[0].GatewayMAC = net.HardwareAddr{1, 2} }, "Interface.GatewayMAC"},
		{func(c *Config) { c.Interfaces[0].GatewayMAC = nil }, "set OnLink, Gateway or GatewayMAC"},
		{func(c *Config) { c.Interfaces[0].Queues = 2 }, "Interface.Queues 2 exceeds the 1 queues"},
		{func(c *Config) { c.Interfaces[0].Device, c.Interfaces[0].Name = nil, "nosuch0" }, "nosuch0"},
		{func(c *Config) { c.Batch = 1000 }, "Config.Batch 1000 exceeds the 256 frames"},
		{func(c *Config) { c.Batch = -1 }, "Config.Batch -1"},
		{func(c *Config) { c.ConnectionsMax = -1 }, "Config.ConnectionsMax -1"},
		{func(c *Config) { c.ConnectionsMax = 1 << 29 }, "Config.ConnectionsMax 536870912"},
		{func(c *Config) { c.BufferMemory = -1 }, "Config.BufferMemory -1"},
		{func(c *Config) { c.PortMin, c.PortMax = 5000, 4000 }, "Config.PortMin 5000"},
		{func(c *Config) { c.Rate = -1 }, "Config.Rate -1"},
		{func(c *Config) { c.RTOMin = time.Hour }, "Config.RTOMin"},
		{func(c *Config) { c.ReceiveBufferMax = 10 }, "Config.ReceiveBufferMax 10"},
		{func(c *Config) { c.Rest = time.Hour }, "Config.Rest"},
		{func(c *Config) { c.MSS = 70000 }, "Config.MSS 70000"},
	} {
		cfg := good()
		c.change(&cfg)
		_, err := New(cfg, func(*Worker) Handler { return nothing{} })
		require.ErrorContains(t, err, c.want)
	}
}

func TestConfigThatAsksForMoreMemoryThanThereIs(t *testing.T) {
	available, known := memoryAvailable()
	if !known {
		t.Skip("this system does not tell how much memory it has")
	}
	cfg := (&Config{BufferMemory: int(available)}).withDefaults()
	require.ErrorContains(t, checkMemory(&cfg), "Config.BufferMemory")
	require.ErrorContains(t, checkMemory(&cfg), "MiB are available: lower it")
	cfg = (&Config{}).withDefaults()
	require.NoError(t, checkMemory(&cfg))
}
