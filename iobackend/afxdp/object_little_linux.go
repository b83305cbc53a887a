//go:build 386 || amd64 || arm || arm64 || loong64 || mips64le || mipsle || ppc64le || riscv64

package afxdp

import _ "embed"

//go:embed filter_bpfel.o
var filterObject []byte
