package tallygate

import (
	"encoding/binary"
	"errors"
	"strings"
	"time"
	"unicode/utf8"
)

// columns are the answer to one call: see `outcome` in sdk/wit/plugin.wit.
type columns struct {
	status  []byte
	v4      []uint32
	v6      []uint64
	times   []int64
	hasTime bool
}

const (
	isV4          = 0
	isV6          = 1
	namesNoClient = 2
	other         = 31
)

func (columns *columns) clear() {
	columns.status = columns.status[:0]
	columns.v4 = columns.v4[:0]
	columns.v6 = columns.v6[:0]
	columns.times = columns.times[:0]
	columns.hasTime = false
}

// add adds what became of one record.
func (columns *columns) add(visit Visit, err error) {
	if err != nil {
		columns.status = append(columns.status, rejectCode(err))
		return
	}
	switch address := visit.Address.Unmap(); {
	case address.Is4():
		bytes := address.As4()
		columns.status = append(columns.status, isV4)
		columns.v4 = append(columns.v4, binary.BigEndian.Uint32(bytes[:]))
	case address.Is6():
		bytes := address.As16()
		columns.status = append(columns.status, isV6)
		columns.v6 = append(columns.v6, binary.BigEndian.Uint64(bytes[:8]), binary.BigEndian.Uint64(bytes[8:]))
	default:
		columns.status = append(columns.status, namesNoClient)
	}
	columns.times = append(columns.times, visit.Time)
	columns.hasTime = columns.hasTime || visit.Time != NoTime
}

// finish leaves no times if no record has one.
func (columns *columns) finish() {
	if !columns.hasTime {
		columns.times = columns.times[:0]
	}
}

func rejectCode(err error) byte {
	// What nearly all are.
	if reject, ok := err.(*Reject); ok {
		return reject.code
	}
	var reject *Reject
	if errors.As(err, &reject) {
		return reject.code
	}
	return other
}

// extractAll reads the records of a call: record i is data[bounds[2*i]:bounds[2*i+1]].
func extractAll(data []byte, bounds []uint32, received int64, to *columns) {
	to.clear()
	for at := 0; at+1 < len(bounds); at += 2 {
		start, end := bounds[at], bounds[at+1]
		to.add(served.Extract(data[start:end:end], received))
	}
	to.finish()
}

// explain is what becomes of one record, in words.
func explain(record []byte, received int64) (words string, accepted bool) {
	visit, err := served.Extract(record, received)
	if err != nil {
		return err.Error(), false
	}
	if !visit.Address.IsValid() {
		return visit.words, true
	}
	words = "client " + visit.Address.Unmap().String()
	switch visit.Time {
	case NoTime:
		return words + ", no time", true
	case UnreadTime:
		return words + ", a time that cannot be read", true
	default:
		return words + ", " + time.Unix(0, visit.Time).UTC().Format(time.RFC3339Nano), true
	}
}

// configure hands the settings to the plugin; the answer is empty, or says what is wrong.
func configure(settings map[string]string) string {
	for name := range settings {
		if !hasSetting(name) {
			return "there is no setting `" + name + "`"
		}
	}
	if served.Configure == nil {
		return ""
	}
	if err := served.Configure(settings); err != nil {
		return err.Error()
	}
	return ""
}

func hasSetting(name string) bool {
	for _, setting := range served.Settings {
		if setting.Name == name {
			return true
		}
	}
	return false
}

// longestText is as much of a text as the gateway has use for, in bytes.
const longestText = 4096

// sendable is a text as the gateway takes it: not too long, and UTF-8, for anything else would end the call.
func sendable(text string) string {
	if len(text) > longestText {
		end := longestText
		for end > longestText-utf8.UTFMax && !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end]
	}
	if utf8.ValidString(text) {
		return text
	}
	var valid strings.Builder
	for _, letter := range text {
		// This stands for a byte that is no part of a character.
		if letter == utf8.RuneError {
			letter = '?'
		}
		valid.WriteRune(letter)
	}
	return valid.String()
}
