// A plugin that prints, logs and fails as each record says.
package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"sync"

	tallygate "plugin.local/printing/sdk"
)

func init() {
	tallygate.Serve(tallygate.Plugin{Name: "printing", Version: "0.1.0", About: "prints", Extract: extract})
}

var kept [][]byte
var nowhere *int

const long = 600

func extract(record []byte, received int64) (tallygate.Visit, error) {
	switch string(record) {
	case "keep":
		fmt.Println(strings.Repeat("x", 1000))
		kept = append(kept, bytes.Repeat([]byte{0xaa}, 1<<16))
	case "look":
		for _, block := range kept {
			if len(bytes.Trim(block, "\xaa")) > 0 {
				panic("somebody else wrote here")
			}
		}
	case "bytes":
		fmt.Println("a\xffb\xe2\x82€\xf0")
	case "long":
		fmt.Println("x" + strings.Repeat("é", long))
	case "unfinished":
		fmt.Print("no line's end")
	case "stderr":
		fmt.Fprintln(os.Stderr, "x"+strings.Repeat("é", long))
	case "builtin":
		print("one ", "two ", "\xff")
	case "log":
		tallygate.Warn("logged \xff")
		tallygate.Warn("y" + strings.Repeat("é", 3000))
	case "panic":
		panic("bad \xff words")
	case "goroutine":
		var wait sync.WaitGroup
		wait.Add(1)
		go func() { panic("of a goroutine \xff") }()
		wait.Wait()
	case "deadlock":
		<-make(chan int)
	case "nil":
		done := make(chan int)
		go func() { done <- *nowhere }()
		<-done
	}
	return tallygate.Nobody(tallygate.NoTime, ""), nil
}

func main() {}
