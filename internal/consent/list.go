package consent

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// Limits of a list.
const (
	MaxListBytes = 256 << 20
	MaxListLines = 2_000_000
	maxListLine  = 1024
	chunkLines   = 500
)

// Columns of a list, and what else they are called. Another column is refused: what is not
// needed is not taken (PIPL Art. 6).
var columnNames = map[string]string{
	"number": "number", "手机号": "number", "手机号码": "number", "given_at": "given_at", "同意时间": "given_at", "proof": "proof", "凭证": "proof",
}

// readColumns reads the first line of a list.
func readColumns(line []byte) (columns []string, err error) {
	fields, ok := SplitLine(bytes.TrimPrefix(line, []byte("\xef\xbb\xbf")))
	for _, f := range fields {
		c := columnNames[strings.ToLower(strings.TrimSpace(f))]
		if c == "" || slices.Contains(columns, c) {
			ok = false
		}
		columns = append(columns, c)
	}
	if !ok || !slices.Contains(columns, "number") || !slices.Contains(columns, "given_at") {
		return nil, sms.Errorf(sms.BadRequest, "line 1", "it names the columns, in UTF-8: number and given_at, perhaps proof, each once and no other (手机号, 同意时间, 凭证)")
	}
	return columns, nil
}

// SplitLine reads one line of CSV (RFC 4180) whose fields hold no line ends.
func SplitLine(line []byte) ([]string, bool) {
	if !utf8.Valid(line) || bytes.ContainsRune(line, 0) {
		return nil, false
	}
	r := csv.NewReader(bytes.NewReader(line))
	fields, err := r.Read()
	if err != nil {
		return nil, false
	}
	_, err = r.Read()
	return fields, errors.Is(err, io.EOF)
}

// ReadList reads a list by chunks of whole lines, after its first one. Nothing of it is kept.
func ReadList(from io.Reader, each func(columns []string, no, first int, lines []byte) error) (lines, chunks int, err error) {
	limited := &io.LimitedReader{R: from, N: MaxListBytes + 1}
	r := bufio.NewReaderSize(limited, maxListLine+2)
	var columns []string
	var chunk []byte
	first := 2
	flush := func() error {
		if len(chunk) == 0 {
			return nil
		}
		err := each(columns, chunks, first, chunk)
		chunks, first, chunk = chunks+1, lines+2, chunk[:0]
		return err
	}
	for n := 1; ; n++ {
		line, err := r.ReadSlice('\n')
		if limited.N <= 0 || lines > MaxListLines {
			return 0, 0, sms.Errorf(sms.BodyTooLarge, "", "a list has at most %d MiB and %d lines: split it", MaxListBytes>>20, MaxListLines)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			return 0, 0, sms.Errorf(sms.BadRequest, "", "line %d has more than %d bytes", n, maxListLine)
		}
		end := errors.Is(err, io.EOF)
		if err != nil && !end {
			return 0, 0, err
		}
		if end && len(line) == 0 {
			break
		}
		line = bytes.TrimRight(line, "\r\n")
		if n == 1 {
			if columns, err = readColumns(line); err != nil {
				return 0, 0, err
			}
		} else {
			chunk, lines = append(append(chunk, line...), '\n'), lines+1
			if lines%chunkLines == 0 {
				if err := flush(); err != nil {
					return 0, 0, err
				}
			}
		}
		if end {
			break
		}
	}
	if err := flush(); err != nil {
		return 0, 0, err
	}
	if lines == 0 {
		return 0, 0, sms.Errorf(sms.BadRequest, "", "the list is empty")
	}
	return lines, chunks, nil
}

// Faults of a row that no rule names.
const (
	FaultColumns  = "COLUMNS"
	FaultNumber   = "NUMBER"
	FaultTime     = "TIME"
	FaultExpired  = "EXPIRED"
	FaultRepeated = "REPEATED"
)

// row is one line that was read.
type row struct {
	line   int
	number sms.MSISDN
	given  int64
	proof  string
	fault  string
}

var shanghai = time.FixedZone("CST", 8*60*60)

// readTime reads a moment as lists write it; without a zone it is China's.
func readTime(s string) (int64, bool) {
	s = strings.TrimSpace(s)
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02", "2006/1/2 15:04:05", "2006/1/2 15:04", "2006/1/2"} {
		if t, err := time.ParseInLocation(layout, s, shanghai); err == nil {
			return t.UnixMilli(), t.Year() >= 2000 && t.Year() < 2200
		}
	}
	return 0, false
}

// readRow reads a line of a list.
func readRow(columns []string, line []byte, no int) row {
	out := row{line: no}
	fields, ok := SplitLine(line)
	if !ok || len(fields) != len(columns) {
		out.fault = FaultColumns
		return out
	}
	for i, c := range columns {
		switch c {
		case "number":
			n, err := sms.ParseMSISDN(strings.TrimSpace(fields[i]))
			if err != nil {
				out.fault = FaultNumber
				return out
			}
			out.number = n
		case "proof":
			out.proof = fields[i]
		}
	}
	for i, c := range columns {
		if c != "given_at" {
			continue
		}
		if out.given, ok = readTime(fields[i]); !ok {
			out.fault = FaultTime
		}
	}
	return out
}
