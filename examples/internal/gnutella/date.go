package gnutella

import "time"

const months = "JanFebMarAprMayJunJulAugSepOctNovDec"

// parseDate reads a date as in "Sat, 01 Jun 2024 00:00:04 +0000" (RFC 5322
// with all its fields), without allocating. The weekday is not compared.
func parseDate(b []byte) (unix int64, ok bool) {
	const shape = "???, 00 ??? 0000 00:00:00 ?0000"
	if len(b) != len(shape) {
		return 0, false
	}
	for i := range len(shape) {
		switch c := shape[i]; {
		case c == '0' && b[i]-'0' > 9, c != '0' && c != '?' && b[i] != c:
			return 0, false
		}
	}
	month := 0
	for m := range 12 {
		if string(b[8:11]) == months[3*m:3*m+3] {
			month = m + 1
		}
	}
	zone := int64(number(b[27:29])*60+number(b[29:31])) * 60
	switch b[26] {
	case '-':
		zone = -zone
	case '+':
	default:
		return 0, false
	}
	day, hour, minute, second := number(b[5:7]), number(b[17:19]), number(b[20:22]), number(b[23:25])
	if month == 0 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60 {
		return 0, false
	}
	t := time.Date(number(b[12:16]), time.Month(month), day, hour, minute, second, 0, time.UTC)
	return t.Unix() - zone, true
}

func number(digits []byte) (n int) {
	for _, c := range digits {
		n = n*10 + int(c-'0')
	}
	return n
}
