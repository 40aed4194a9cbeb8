package tallygate

import (
	"bytes"
	"time"
)

// 1990-01-01 and 2100-01-01.
const (
	firstSecond = 631_152_000
	endSecond   = 4_102_444_800
)

// RFC3339 reads `2026-11-20T05:00:00.250Z` as Unix nanoseconds. It is [UnreadTime] if the text is no time, or lies before
// 1990 or from 2100 on, since then it is a default and no time of a visit.
//
// As the SDK for Rust, and unlike the package time, it takes leap seconds, a space for the T, no seconds, a comma before the
// fraction, and offsets such as `+0100`, `+01`, ` +01:00` and ` UTC`. Unlike the SDK for Rust, it takes no name of the zone
// behind the offset.
func RFC3339(text []byte) int64 {
	const layout = "0000-00-00T00:00"
	text = bytes.TrimSpace(text)
	if len(text) < len(layout) || text[10] != 'T' && text[10] != 't' && text[10] != ' ' {
		return UnreadTime
	}
	for at := range len(layout) {
		if isDigit(text[at]) != (layout[at] == '0') {
			return UnreadTime
		}
		if at != 10 && layout[at] != '0' && text[at] != layout[at] {
			return UnreadTime
		}
	}
	hour, minute := number(text[11:13]), number(text[14:16])
	second, nanoseconds, rest, areSeconds := seconds(text[16:])
	offset, isOffset := offset(rest)
	if !areSeconds || !isOffset || hour > 23 || minute > 59 || second > 60 {
		return UnreadTime
	}
	midnight, isDate := midnight(text[:10])
	if !isDate {
		return UnreadTime
	}
	time := midnight + int64(hour*3600+minute*60+second-offset)
	// Leap seconds are inserted before midnight UTC and nowhere else; they count as the second that follows.
	if second == 60 && time%86400 != 0 {
		return UnreadTime
	}
	if time < firstSecond || time >= endSecond {
		return UnreadTime
	}
	return time*1_000_000_000 + nanoseconds
}

// The last date, as it was written, and its first second: logs seldom change theirs.
var (
	lastDay      [10]byte
	lastMidnight int64
)

// midnight is the first second of a day written as `2026-11-20`.
func midnight(day []byte) (seconds int64, ok bool) {
	if string(day) == string(lastDay[:]) {
		return lastMidnight, true
	}
	year, month, ofMonth := number(day[0:4]), number(day[5:7]), number(day[8:10])
	date := time.Date(year, time.Month(month), ofMonth, 0, 0, 0, 0, time.UTC)
	// The 30th of February would become a day of March.
	if date.Year() != year || date.Month() != time.Month(month) || date.Day() != ofMonth {
		return 0, false
	}
	copy(lastDay[:], day)
	lastMidnight = date.Unix()
	return lastMidnight, true
}

// number reads digits.
func number(digits []byte) int {
	value := 0
	for _, digit := range digits {
		value = value*10 + int(digit-'0')
	}
	return value
}

// isDigit is about ASCII alone.
func isDigit(letter byte) bool { return letter >= '0' && letter <= '9' }

// seconds reads `:05` or `:05.250`, if they are there, and gives what follows.
func seconds(text []byte) (second int, nanoseconds int64, rest []byte, ok bool) {
	if len(text) < 3 || text[0] != ':' || !isDigit(text[1]) || !isDigit(text[2]) {
		return 0, 0, text, true
	}
	second, rest = number(text[1:3]), text[3:]
	if len(rest) == 0 || rest[0] != '.' && rest[0] != ',' {
		return second, 0, rest, true
	}
	unit := int64(1_000_000_000)
	at := 1
	for ; at < len(rest) && isDigit(rest[at]); at++ {
		unit /= 10
		nanoseconds += int64(rest[at]-'0') * unit
	}
	return second, nanoseconds, rest[at:], at > 1
}

// offset reads `Z`, `UTC`, `+hh:mm`, `+hhmm` or `+hh`, perhaps behind a space, in seconds.
func offset(text []byte) (seconds int, ok bool) {
	// What nearly all are.
	if len(text) == 1 && text[0] == 'Z' {
		return 0, true
	}
	text = bytes.TrimSpace(text)
	for _, name := range []string{"Z", "UTC", "GMT", "UT"} {
		if len(text) == len(name) && bytes.EqualFold(text, []byte(name)) {
			return 0, true
		}
	}
	digits := [4]byte{'0', '0', '0', '0'}
	switch {
	case len(text) == 3 || len(text) == 5:
		copy(digits[:], text[1:])
	case len(text) == 6 && text[3] == ':':
		copy(digits[:], text[1:3])
		copy(digits[2:], text[4:])
	default:
		return 0, false
	}
	for _, digit := range digits {
		if !isDigit(digit) {
			return 0, false
		}
	}
	hours, minutes := number(digits[:2]), number(digits[2:])
	seconds = hours*3600 + minutes*60
	if text[0] == '-' {
		seconds = -seconds
	}
	return seconds, (text[0] == '+' || text[0] == '-') && hours <= 23 && minutes <= 59
}
