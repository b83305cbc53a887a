package testbed

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"
)

// xdpPass is the verdict XDP_PASS.
const xdpPass = 2

// AttachXDPPass attaches a program that passes every frame to the kernel, in
// native mode, until the namespace is closed.
func (ns *Namespace) AttachXDPPass(name string) error {
	prog, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "pass",
		Type: ebpf.XDP,
		Instructions: asm.Instructions{
			asm.Mov.Imm(asm.R0, xdpPass),
			asm.Return(),
		},
		License: "Apache-2.0",
	})
	if err != nil {
		return fmt.Errorf("testbed: load the XDP program that passes: %w", err)
	}
	defer prog.Close()
	return ns.AttachXDP(name, prog)
}

// AttachXDP attaches a program in native mode until the namespace is closed.
// The program may be closed when AttachXDP returns.
func (ns *Namespace) AttachXDP(name string, prog *ebpf.Program) error {
	return ns.withLink(name, "attach XDP", func(_ *netlink.Handle, l netlink.Link) error {
		return ns.Do(func() error {
			x, err := link.AttachXDP(link.XDPOptions{
				Program:   prog,
				Interface: l.Attrs().Index,
				Flags:     link.XDPDriverMode,
			})
			if err != nil {
				return err
			}
			ns.keep(x.Close)
			return nil
		})
	})
}
