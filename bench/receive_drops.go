package main

// deviceDrops are what the two ends of the veth count as dropped: the sending
// end what did not fit into the receiving end's ring, the receiving end what
// its XDP program could not pass on.
type deviceDrops struct{ transmit, receive uint64 }

func (d deviceDrops) since(before deviceDrops) deviceDrops {
	return deviceDrops{d.transmit - before.transmit, d.receive - before.receive}
}

func (w *receiveWorld) deviceDrops() (deviceDrops, error) {
	near, far, err := w.Counters()
	return deviceDrops{transmit: far.SendDrops, receive: near.ReceiveDrops}, err
}
