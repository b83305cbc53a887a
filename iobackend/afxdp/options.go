package afxdp

// Options are what AF_XDP has beyond iobackend.Config; zero is the default.
type Options struct {
	// Generic attaches in generic mode at once, without trying native mode.
	Generic bool
	// Copy keeps from zero copy where the driver has it.
	Copy bool
	// SeparateUMEM registers a UMEM per socket, as on kernels that cannot
	// share one.
	SeparateUMEM bool
	// NoTimestamps keeps from asking the driver for the receive time of each
	// frame. Asking costs about 3 % of the frames on a veth, which has none
	// to give, so it ends by itself after the first stampTrial frames without
	// one.
	NoTimestamps bool
	// Live sends batches of 16 frames and more by live frames (see the
	// package's text): on a veth 3 to 5 times as fast at 64 and more. It
	// implies NoTimestamps. The device must be a veth, whose peer has an XDP
	// program or GRO; Linux 6.3.
	Live bool
	// KernelChecksum, together with iobackend.OffloadOn, has the kernel complete
	// checksums itself as it copies a frame, slowly (XDP_UMEM_TX_SW_CSUM). It is
	// for tests: what reaches the device is whole then. It implies Copy.
	KernelChecksum bool
}
