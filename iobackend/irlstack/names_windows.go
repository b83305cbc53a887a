package irlstack

// devicePath is the driver's device (assumed; see the package's Assumptions).
const devicePath = `\\.\IRLstack`

// localPrefix begins the names of devices and pipes: a Config.Interface with
// it names the driver, or a stand-in for it, itself.
const localPrefix = `\\.\`

// pipePrefix begins the names of pipes.
const pipePrefix = `\\.\pipe\`

// What DeviceIoControl carries a control message with.
const (
	// ioctlControl is CTL_CODE(FILE_DEVICE_NETWORK, 0x800, METHOD_BUFFERED,
	// FILE_READ_DATA | FILE_WRITE_DATA) (assumed).
	ioctlControl = 0x12<<16 | 3<<14 | 0x800<<2
	// ioctlPipe is FSCTL_PIPE_TRANSCEIVE: a message and its answer on a pipe.
	ioctlPipe = 0x11<<16 | 3<<14 | 5<<2 | 3
)
