//go:build mips || mips64 || ppc64 || s390x

package afxdp

import _ "embed"

//go:embed filter_bpfeb.o
var filterObject []byte
