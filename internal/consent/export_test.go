package consent

import "strings"

// ReadRows reads lines as the importer does.
func ReadRows(columns []string, lines []byte, first int) {
	for i, line := range strings.Split(strings.TrimSuffix(string(lines), "\n"), "\n") {
		readRow(columns, []byte(line), first+i)
	}
}
