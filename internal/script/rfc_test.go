package script

import "testing"

// One test per row of the checklist; each runs all the scripts whose names
// begin with its number, in every variant of the world. CONFORMANCE.md of
// package handshake tells what the rows say.

func TestRFC01_Checksum(t *testing.T)                     { runRow(t, 1) }
func TestRFC02_OptionsInAnySegment(t *testing.T)          { runRow(t, 2) }
func TestRFC03_IllegalOptionLengths(t *testing.T)         { runRow(t, 3) }
func TestRFC04_ReservedBits(t *testing.T)                 { runRow(t, 4) }
func TestRFC05_MSSFromTheMTU(t *testing.T)                { runRow(t, 5) }
func TestRFC06_MissingMSS(t *testing.T)                   { runRow(t, 6) }
func TestRFC07_SegmentSize(t *testing.T)                  { runRow(t, 7) }
func TestRFC08_WindowIsUnsigned(t *testing.T)             { runRow(t, 8) }
func TestRFC10_UnacceptableACKInSynSent(t *testing.T)     { runRow(t, 10) }
func TestRFC11_Refused(t *testing.T)                      { runRow(t, 11) }
func TestRFC12_RSTWithoutACKInSynSent(t *testing.T)       { runRow(t, 12) }
func TestRFC13_SimultaneousOpen(t *testing.T)             { runRow(t, 13) }
func TestRFC14_LostFinalACK(t *testing.T)                 { runRow(t, 14) }
func TestRFC15_DataOnTheSYNACK(t *testing.T)              { runRow(t, 15) }
func TestRFC16_Addresses(t *testing.T)                    { runRow(t, 16) }
func TestRFC17_SYNRetransmission(t *testing.T)            { runRow(t, 17) }
func TestRFC18_NoDataOnTheSYN(t *testing.T)               { runRow(t, 18) }
func TestRFC19_Acceptability(t *testing.T)                { runRow(t, 19) }
func TestRFC20_DuplicateIsACKed(t *testing.T)             { runRow(t, 20) }
func TestRFC21_OutOfOrder(t *testing.T)                   { runRow(t, 21) }
func TestRFC22_OneACKForABatch(t *testing.T)              { runRow(t, 22) }
func TestRFC23_DelayedACK(t *testing.T)                   { runRow(t, 23) }
func TestRFC24_SACKBlocks(t *testing.T)                   { runRow(t, 24) }
func TestRFC25_SillyWindowOfTheReceiver(t *testing.T)     { runRow(t, 25) }
func TestRFC26_FINOutOfOrder(t *testing.T)                { runRow(t, 26) }
func TestRFC27_ZeroWindow(t *testing.T)                   { runRow(t, 27) }
func TestRFC28_UrgentData(t *testing.T)                   { runRow(t, 28) }
func TestRFC29_WindowScale(t *testing.T)                  { runRow(t, 29) }
func TestRFC30_Timestamps(t *testing.T)                   { runRow(t, 30) }
func TestRFC31_PAWS(t *testing.T)                         { runRow(t, 31) }
func TestRFC32_TSRecent(t *testing.T)                     { runRow(t, 32) }
func TestRFC33_RetransmissionTimeout(t *testing.T)        { runRow(t, 33) }
func TestRFC34_Karn(t *testing.T)                         { runRow(t, 34) }
func TestRFC35_CongestionControlAndRecovery(t *testing.T) { runRow(t, 35) }
func TestRFC36_R1AndR2(t *testing.T)                      { runRow(t, 36) }
func TestRFC37_ZeroWindowProbe(t *testing.T)              { runRow(t, 37) }
func TestRFC38_SillyWindowOfTheSender(t *testing.T)       { runRow(t, 38) }
func TestRFC39_ACKOutOfBounds(t *testing.T)               { runRow(t, 39) }
func TestRFC40_ClosingStates(t *testing.T)                { runRow(t, 40) }
func TestRFC41_TimeWait(t *testing.T)                     { runRow(t, 41) }
func TestRFC42_CloseWithUnreadData(t *testing.T)          { runRow(t, 42) }
func TestRFC43_RSTInTheWindow(t *testing.T)               { runRow(t, 43) }
func TestRFC44_SYNInTheWindow(t *testing.T)               { runRow(t, 44) }
func TestRFC45_NoConnection(t *testing.T)                 { runRow(t, 45) }
func TestRFC46_ICMPMustMatch(t *testing.T)                { runRow(t, 46) }
func TestRFC47_ICMPSoftAndHard(t *testing.T)              { runRow(t, 47) }
func TestRFC48_FragmentationNeeded(t *testing.T)          { runRow(t, 48) }
func TestRFC49_KeepAlive(t *testing.T)                    { runRow(t, 49) }
func TestRFC50_TTL(t *testing.T)                          { runRow(t, 50) }
func TestRFC51_Fragments(t *testing.T)                    { runRow(t, 51) }
func TestRFC52_IPHeader(t *testing.T)                     { runRow(t, 52) }
func TestRFC53_PathMTUBlackHole(t *testing.T)             { runRow(t, 53) }
func TestRFC54_ECN(t *testing.T)                          { runRow(t, 54) }
func TestRFC55_ReceiveWindowTuning(t *testing.T)          { runRow(t, 55) }
func TestRFC56_ChallengeAfterOurRST(t *testing.T)         { runRow(t, 56) }
func TestRFC57_RefusalsAreLimited(t *testing.T)           { runRow(t, 57) }
