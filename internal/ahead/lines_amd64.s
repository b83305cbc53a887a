#include "textflag.h"

// func lines(table unsafe.Pointer, size uintptr, indices *uint32, count int)
TEXT ·lines(SB), NOSPLIT, $0-32
	MOVQ table+0(FP), AX
	MOVQ size+8(FP), BX
	MOVQ indices+16(FP), SI
	MOVQ count+24(FP), CX
next:
	MOVL (SI), DX
	IMULQ BX, DX
	PREFETCHT0 (AX)(DX*1)
	ADDQ $4, SI
	DECQ CX
	JNZ next
	RET
