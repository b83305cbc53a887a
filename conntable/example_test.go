package conntable_test

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"myriad/conntable"
)

// A worker opens a connection, finds it by what a packet says, and closes it.
func Example() {
	seed := [2]uint64{1, 2} // from crypto/rand, unless a run is to be repeated
	table, err := conntable.New(1000, 0, seed)
	if err != nil {
		panic(err)
	}
	resting, err := conntable.NewQuarantine(1000, time.Second)
	if err != nil {
		panic(err)
	}
	allocator, err := conntable.NewAllocator(conntable.AllocatorConfig{
		Sources: 250, PortMin: 1024, PortMax: 65535, Shard: 0, Shards: 2, Seed: seed,
	})
	if err != nil {
		panic(err)
	}

	now := 5 * time.Second
	remote := binary.BigEndian.Uint32(netip.MustParseAddr("192.0.2.1").AsSlice())
	index, err := allocator.Claim(table, resting, remote, 443, conntable.Choice{}, now)
	if err != nil {
		panic(err)
	}
	e := table.At(index)
	e.State = conntable.SynSent
	id := table.ID(index)

	key := e.Key() // as linklayer would read it from the SYN-ACK
	found, ok := table.Lookup(&key)
	fmt.Println(found == index, ok, e.RemoteAddrPort())

	table.Retire(index, resting, now)
	_, ok = table.Resolve(id)
	fmt.Println(ok, allocator.Check(table, resting, &key, now))
	// Output:
	// true true 192.0.2.1:443
	// false conntable: tuple rests after its last connection
}
