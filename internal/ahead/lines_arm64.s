#include "textflag.h"

// func lines(table unsafe.Pointer, size uintptr, indices *uint32, count int)
TEXT ·lines(SB), NOSPLIT, $0-32
	MOVD table+0(FP), R0
	MOVD size+8(FP), R1
	MOVD indices+16(FP), R2
	MOVD count+24(FP), R3
next:
	MOVWU.P 4(R2), R4
	MADD R1, R0, R4, R4
	PRFM (R4), PLDL1KEEP
	SUBS $1, R3
	BNE next
	RET
