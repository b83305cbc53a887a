package pcapfile_test

import (
	"bytes"
	"fmt"

	"myriad/iobackend"
	"myriad/iobackend/pcapfile"
	"myriad/iobackend/simlink"
)

func ExampleWrap() {
	link, err := simlink.New(simlink.Config{})
	if err != nil {
		panic(err)
	}
	var file bytes.Buffer // os.Create in real life
	device, err := pcapfile.Wrap(link.End(0), &file, pcapfile.Options{})
	if err != nil {
		panic(err)
	}
	var frames [1]iobackend.Frame
	device.Queue(0).Reserve(frames[:])
	frames[0].Data = frames[0].Data[:60]
	device.Queue(0).Transmit(frames[:])
	if err := device.Close(); err != nil { // tells what could not be written
		panic(err)
	}
	captured, err := pcapfile.ReadAll(&file)
	fmt.Println(len(captured), captured[0].Bytes, err)
	// Output: 1 60 <nil>
}
