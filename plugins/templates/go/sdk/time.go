package tallygate

import "time"

// 1990-01-01 and 2100-01-01.
const (
	firstSecond = 631_152_000
	endSecond   = 4_102_444_800
)

// RFC3339 reads `2026-11-20T05:00:00.250Z` as Unix nanoseconds. It is [UnreadTime] if the text is no time, and [NoTime] if
// it lies before 1990 or from 2100 on, since then it is a default and no time of a visit.
//
// Unlike the package time, it takes leap seconds, a space for the T, and an offset without a colon.
func RFC3339(text []byte) int64 {
	const layout = "0000-00-00T00:00:00"
	if len(text) <= len(layout) || text[10] != 'T' && text[10] != 't' && text[10] != ' ' {
		return UnreadTime
	}
	for at := range len(layout) {
		if isDigit := text[at] >= '0' && text[at] <= '9'; isDigit != (layout[at] == '0') {
			return UnreadTime
		}
		if at != 10 && layout[at] != '0' && text[at] != layout[at] {
			return UnreadTime
		}
	}
	hour, minute, second := number(text[11:13]), number(text[14:16]), number(text[17:19])
	nanoseconds, rest, hasFraction := fraction(text[19:])
	offset, isOffset := offset(rest)
	if !hasFraction || !isOffset || hour > 23 || minute > 59 || second > 60 {
		return UnreadTime
	}
	midnight, isDate := midnight(text[:10])
	if !isDate {
		return UnreadTime
	}
	seconds := midnight + int64(hour*3600+minute*60+second-offset)
	// Leap seconds are inserted before midnight UTC and nowhere else; they count as the second that follows.
	if second == 60 && seconds%86400 != 0 {
		return UnreadTime
	}
	if seconds < firstSecond || seconds >= endSecond {
		return NoTime
	}
	return seconds*1_000_000_000 + nanoseconds
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

// fraction reads `.250`, if there is one, as nanoseconds, and gives what follows.
func fraction(text []byte) (nanoseconds int64, rest []byte, ok bool) {
	if text[0] != '.' {
		return 0, text, true
	}
	unit := int64(1_000_000_000)
	at := 1
	for ; at < len(text) && text[at] >= '0' && text[at] <= '9'; at++ {
		unit /= 10
		nanoseconds += int64(text[at]-'0') * unit
	}
	return nanoseconds, text[at:], at > 1
}

// offset reads `Z`, `+hh:mm` or `+hhmm`, in seconds.
func offset(text []byte) (seconds int, ok bool) {
	if len(text) == 1 {
		return 0, text[0] == 'Z' || text[0] == 'z'
	}
	if len(text) == 6 && text[3] == ':' {
		text = []byte{text[0], text[1], text[2], text[4], text[5]}
	}
	if len(text) != 5 || text[0] != '+' && text[0] != '-' {
		return 0, false
	}
	for _, digit := range text[1:] {
		if digit < '0' || digit > '9' {
			return 0, false
		}
	}
	hours, minutes := number(text[1:3]), number(text[3:5])
	seconds = hours*3600 + minutes*60
	if text[0] == '-' {
		seconds = -seconds
	}
	return seconds, hours <= 23 && minutes <= 59
}
