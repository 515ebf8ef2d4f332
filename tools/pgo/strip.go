// Command strip takes a merged CPU profile from standard input and writes it to standard
// output without names of files: the compiler needs only those of functions, and the rest
// tells where it was measured.
package main

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"strings"
)

// The string table's field in the profile, of wire type 2. github.com/google/pprof proto/profile.proto.
const stringTable = 6<<3 | 2

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "strip:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	z, err := gzip.NewReader(in)
	if err != nil {
		return err
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		return err
	}
	w, err := gzip.NewWriterLevel(out, gzip.BestCompression)
	if err != nil {
		return err
	}
	for len(raw) > 0 {
		field, err := take(&raw)
		if err != nil {
			return err
		}
		if _, err := w.Write(field); err != nil {
			return err
		}
	}
	return w.Close()
}

// take cuts the first field off, and empties it when it is the name of a file.
func take(raw *[]byte) ([]byte, error) {
	tag, n := binary.Uvarint(*raw)
	if n <= 0 {
		return nil, io.ErrUnexpectedEOF
	}
	v, m := binary.Uvarint((*raw)[n:])
	if m <= 0 {
		return nil, io.ErrUnexpectedEOF
	}
	size := n + m
	switch tag & 7 {
	case 0:
	case 2:
		if v > uint64(len(*raw)-size) {
			return nil, io.ErrUnexpectedEOF
		}
		size += int(v)
	default:
		return nil, fmt.Errorf("wire type %d", tag&7)
	}
	field := bytes.Clone((*raw)[:size])
	if tag == stringTable && file(string(field[n+m:])) {
		field = []byte{stringTable, 0}
	}
	*raw = (*raw)[size:]
	return field, nil
}

// file tells whether a string is the name of a file. Functions' names hold slashes, too, but
// none begins with one.
func file(s string) bool {
	return strings.HasPrefix(s, "/") || strings.HasSuffix(s, ".go") || strings.HasSuffix(s, ".s")
}
