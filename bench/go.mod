module myriad/bench

go 1.26.3

require (
	github.com/cilium/ebpf v0.22.0
	github.com/stretchr/testify v1.12.1
	myriad v0.0.0
)

require (
	github.com/vishvananda/netlink v1.3.1 // indirect
	github.com/vishvananda/netns v0.0.5 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/sys v0.49.0 // indirect
)

replace myriad => ../
