//go:build !wasip1

package tallygate

import "os"

// emit, outside of the sandbox, which is in tests, writes to standard error.
func emit(level level, message string) {
	names := []string{"debug", "info", "warn", "error"}
	os.Stderr.WriteString(names[level] + ": " + message + "\n")
}
