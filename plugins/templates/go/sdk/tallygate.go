// Package tallygate is what a Tallygate plugin in Go is made of.
//
// The plugin calls [Serve] in an `init` function. It is built for WebAssembly by `tallygate plugin build`; its own tests
// run natively, with `go test`.
package tallygate

import (
	"math"
	"net/netip"
)

// Visit is what was read out of a record.
type Visit struct {
	// Address is who came. The zero Addr stands for a valid record that names no client: whether such records are
	// wanted is the route's to say.
	Address netip.Addr
	// Time is when, in Unix nanoseconds, or [NoTime], or [UnreadTime].
	Time int64

	words string
}

const (
	// NoTime is the time of a record that has none.
	NoTime int64 = math.MinInt64
	// UnreadTime is the time of a record that has one which cannot be read. The gateway counts those.
	UnreadTime int64 = math.MinInt64 + 1
)

// Nobody is what was read out of a valid record that names no client; words say why, for people.
func Nobody(time int64, words string) Visit {
	return Visit{Time: time, words: words}
}

// Reject is an error that says why a record was rejected. Any other error rejects as "other".
type Reject struct {
	code  byte
	words string
}

// Error is why, for people.
func (reject *Reject) Error() string { return reject.words }

// Malformed rejects what is not of the plugin's format.
func Malformed(words string) *Reject { return &Reject{16, words} }

// FieldMissing rejects what is well formed, but lacks a field that the format must have.
func FieldMissing(words string) *Reject { return &Reject{17, words} }

// NotAnAddress rejects a record in which the field of the client's address holds something else.
func NotAnAddress(words string) *Reject { return &Reject{18, words} }

// Policy rejects what the plugin's settings exclude.
func Policy(words string) *Reject { return &Reject{19, words} }

// TooLong rejects what is longer than the plugin is willing to read.
func TooLong(words string) *Reject { return &Reject{20, words} }

// Other rejects for none of these reasons.
func Other(words string) *Reject { return &Reject{31, words} }

// OwnReject rejects for a reason of the plugin's own: a code from 128 to 255, which [Plugin.Rejects] must name.
func OwnReject(code byte, words string) *Reject {
	if code < 128 {
		panic("a plugin's own codes begin with 128")
	}
	return &Reject{code, words}
}

// Setting is something that the plugin can be told.
type Setting struct {
	Name string
	// Meaning is one sentence: what it does, and what it expects.
	Meaning string
	// Default is what holds where it is not given, written as it would be given; empty if there is nothing to write.
	Default string
}

// RejectName is a reason of the plugin's own to reject a record.
type RejectName struct {
	// Code is from 128 to 255.
	Code byte
	// Name is lower-case words joined by hyphens.
	Name string
}

// Plugin is a plugin.
type Plugin struct {
	Name    string
	Version string
	// About is one sentence for people.
	About    string
	Settings []Setting
	Rejects  []RejectName
	// Configure is called once, before the first record, with the settings that are given: names that Settings does
	// not have are refused before. Its error names the setting and what it expects. A plugin without settings needs none.
	Configure func(settings map[string]string) error
	// Extract reads one record that came in at `received`, in Unix nanoseconds, which is the only clock there is.
	// The record's bytes are another record's after the call: copy what is to be kept.
	Extract func(record []byte, received int64) (Visit, error)
}

var served Plugin

// Serve makes it the plugin that the gateway calls.
func Serve(plugin Plugin) {
	if plugin.Extract == nil {
		panic("the plugin has no function Extract")
	}
	served = plugin
}

type level int32

const (
	levelDebug level = iota
	levelInfo
	levelWarn
	levelError
)

// Debug writes to the gateway's log, which is bounded: for what happens seldom, and helps to find a mistake.
func Debug(message string) { emit(levelDebug, message) }

// Info writes what an operator may want to know.
func Info(message string) { emit(levelInfo, message) }

// Warn writes what an operator should look at.
func Warn(message string) { emit(levelWarn, message) }

// Error writes what keeps the plugin from doing its work.
func Error(message string) { emit(levelError, message) }
