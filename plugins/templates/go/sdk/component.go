//go:build wasip1

package tallygate

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"unsafe"
)

// The way into and out of the sandbox: the canonical ABI of the component model, by hand, for sdk/wit/plugin.wit.

// list is a list or a string as the canonical ABI has it. Go's own pointers take twice the room, and the collector does
// not see this one: what it points to must also be held by a variable that stays.
type list struct {
	start, length uint32
}

func listOf[T any](values []T) list {
	return list{address(unsafe.SliceData(values)), uint32(len(values))}
}

func listOfText(text string) list {
	return list{address(unsafe.StringData(text)), uint32(len(text))}
}

func address[T any](value *T) uint32 {
	return uint32(uintptr(unsafe.Pointer(value)))
}

// blocks are the memory of a call's arguments. The collector may not take them before the call has begun, and they are
// used again by the next call.
var blocks [][]uint64
var blocksInUse int

//go:wasmexport cabi_realloc
func realloc(old unsafe.Pointer, oldSize, align, size uint32) unsafe.Pointer {
	if size == 0 {
		return unsafe.Pointer(uintptr(align))
	}
	// Words are aligned for everything that a list can hold.
	words := int(size+7) / 8
	if blocksInUse == len(blocks) {
		blocks = append(blocks, nil)
	}
	block := blocks[blocksInUse]
	if cap(block) < words {
		block = make([]uint64, words)
		blocks[blocksInUse] = block
	}
	blocksInUse++
	start := unsafe.Pointer(unsafe.SliceData(block))
	if oldSize > 0 {
		copy(unsafe.Slice((*byte)(start), size), unsafe.Slice((*byte)(old), oldSize))
	}
	return start
}

//go:wasmimport tallygate:plugin/log@1.0.0 emit
//go:noescape
func hostEmit(level int32, start unsafe.Pointer, length uint32)

func emit(level level, message string) {
	message = sendable(message)
	hostEmit(int32(level), unsafe.Pointer(unsafe.StringData(message)), uint32(len(message)))
}

//go:wasmimport wasi_snapshot_preview1 lend_line
//go:noescape
func lendLine(start unsafe.Pointer, length uint32)

// line is where what stands in for WASI joins what Go's runtime writes to standard error: words, not lines.
var line [1024]byte

func init() { endLine() }

// endLine writes a line that the plugin began and did not end. Each call ends so.
func endLine() { lendLine(unsafe.Pointer(&line), uint32(len(line))) }

// What the gateway reads after a call has returned stays here until the next one.
var (
	infoResult struct {
		name, version, about, rejects, settings list
	}
	settingList []struct{ name, meaning, byDefault list }
	rejectList  []struct {
		code byte
		name list
	}
	textResult struct {
		isError uint32
		text    list
	}
	textWords     string
	outcomeResult struct {
		status, v4, v6, times list
	}
	outcome columns
)

//go:wasmexport tallygate:plugin/extractor@1.0.0#describe
func describeExport() unsafe.Pointer {
	settingList, rejectList = nil, nil
	for _, setting := range served.Settings {
		settingList = append(settingList, struct{ name, meaning, byDefault list }{
			listOfText(setting.Name), listOfText(setting.Meaning), listOfText(setting.Default),
		})
	}
	for _, reject := range served.Rejects {
		rejectList = append(rejectList, struct {
			code byte
			name list
		}{reject.Code, listOfText(reject.Name)})
	}
	infoResult.name = listOfText(served.Name)
	infoResult.version = listOfText(served.Version)
	infoResult.about = listOfText(served.About)
	infoResult.rejects = listOf(rejectList)
	infoResult.settings = listOf(settingList)
	return unsafe.Pointer(&infoResult)
}

//go:wasmexport tallygate:plugin/extractor@1.0.0#configure
func configureExport(start unsafe.Pointer, length uint32) unsafe.Pointer {
	defer endCall()
	blocksInUse = 0
	settings := make(map[string]string, length)
	for _, pair := range unsafe.Slice((*[2]list)(start), length) {
		// Copies: the memory of the call is used again.
		settings[copied(pair[0])] = copied(pair[1])
	}
	problem := configure(settings)
	return giveText(problem, problem != "")
}

//go:wasmexport tallygate:plugin/extractor@1.0.0#extract
func extractExport(data unsafe.Pointer, size uint32, bounds unsafe.Pointer, count uint32, received int64) unsafe.Pointer {
	defer endCall()
	blocksInUse = 0
	extractAll(unsafe.Slice((*byte)(data), size), unsafe.Slice((*uint32)(bounds), count), received, &outcome)
	outcomeResult.status = listOf(outcome.status)
	outcomeResult.v4 = listOf(outcome.v4)
	outcomeResult.v6 = listOf(outcome.v6)
	outcomeResult.times = listOf(outcome.times)
	return unsafe.Pointer(&outcomeResult)
}

//go:wasmexport tallygate:plugin/extractor@1.0.0#explain
func explainExport(record unsafe.Pointer, size uint32, received int64) unsafe.Pointer {
	defer endCall()
	blocksInUse = 0
	words, accepted := explain(unsafe.Slice((*byte)(record), size), received)
	return giveText(words, !accepted)
}

func giveText(words string, isError bool) unsafe.Pointer {
	textWords = sendable(words)
	textResult.isError = 0
	if isError {
		textResult.isError = 1
	}
	textResult.text = listOfText(textWords)
	return unsafe.Pointer(&textResult)
}

func copied(text list) string {
	return string(unsafe.Slice((*byte)(unsafe.Pointer(uintptr(text.start))), text.length))
}

// endCall ends a call. If it panics, then with one message that says what and where: Go itself would write a line for each
// function, of which the gateway keeps few.
func endCall() {
	cause := recover()
	endLine()
	if cause == nil {
		return
	}
	message := "panic: " + panicWords(cause)
	callers := make([]uintptr, 32)
	frames := runtime.CallersFrames(callers[:runtime.Callers(2, callers)])
	for more := true; more; {
		var frame runtime.Frame
		frame, more = frames.Next()
		if strings.HasSuffix(frame.File, ".go") && !strings.HasPrefix(frame.Function, "runtime.") && !strings.Contains(frame.File, "/sdk/") {
			file := frame.File[strings.LastIndexByte(frame.File, '/')+1:]
			message += ", in " + frame.Function + " at " + file + ":" + strconv.Itoa(frame.Line)
		}
	}
	Error(message)
	// Nothing here can be trusted any more. The gateway sees a trap, and starts another instance.
	os.Exit(2)
}

func panicWords(cause any) string {
	switch cause := cause.(type) {
	case error:
		return cause.Error()
	case string:
		return cause
	case interface{ String() string }:
		return cause.String()
	default:
		return "a value that has no words"
	}
}
