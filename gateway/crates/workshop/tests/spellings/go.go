// Reads what stands behind `address ` or `time ` in each line of standard input, with the plugins' SDK, and says what it is.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	tallygate "plugin.local/spellings/sdk"
)

func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		kind, text, _ := strings.Cut(lines.Text(), " ")
		if kind == "time" {
			fmt.Println(tallygate.RFC3339([]byte(text)))
			continue
		}
		address, ok := tallygate.ReadAddress([]byte(text))
		switch {
		case !ok:
			fmt.Println("none")
		case address.Is4():
			fmt.Printf("4 %032x\n", address.AsSlice())
		default:
			fmt.Printf("6 %032x\n", address.AsSlice())
		}
	}
}
