package routing

import (
	"bufio"
	"bytes"
	"compress/flate"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// Segments says to which province each segment of mainland mobile numbers, the first seven
// digits, was given. A number that is ported keeps its segment, and so its province: it can
// change its carrier, not its place. It never changes and is safe for concurrent use.
type Segments struct {
	Source string // where it comes from
	Date   string // and of when it is
	of     []byte // place of the province for each segment from firstSegment on, 0 is not known
}

const (
	firstSegment = 1_300_000
	numSegments  = 2_000_000 - firstSegment
	segmentForm  = "zhunxin number segments 1\n"
	// MaxSegmentBytes bounds a list of segments, and a stored table.
	MaxSegmentBytes = 32 << 20
)

// The facts that the program carries: made by `zhunxin numbers build` of the data of the
// package phone 0.4.5 of PyPI (MIT), which stands in its head with its date.
//
//go:embed segments.bin
var segmentData []byte

// BuiltinSegments are those that the program carries.
var BuiltinSegments = sync.OnceValues(func() (*Segments, error) { return DecodeSegments(segmentData) })

// Province is where a number's segment belongs; "" is not known.
func (s *Segments) Province(n sms.MSISDN) sms.Province {
	if !n.Mainland() {
		return ""
	}
	d, i := n.National(), 0
	for k := range 7 {
		i = i*10 + int(d[k]-'0')
	}
	if i -= firstSegment; i < 0 || i >= len(s.of) {
		return ""
	}
	return sms.ProvinceAt(int(s.of[i]))
}

// Known counts the segments whose province is known.
func (s *Segments) Known() (n int) {
	for _, p := range s.of {
		if p != 0 {
			n++
		}
	}
	return n
}

// Encode writes the table as DecodeSegments reads it.
func (s *Segments) Encode() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(segmentForm + s.Source + "\n" + s.Date + "\n")
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(s.of); err != nil {
		return nil, err
	}
	err = w.Close()
	return b.Bytes(), err
}

// DecodeSegments reads a table.
func DecodeSegments(b []byte) (*Segments, error) {
	head := bytes.SplitN(b, []byte("\n"), 4)
	if len(head) != 4 || string(head[0])+"\n" != segmentForm {
		return nil, errors.New("it is no table of number segments")
	}
	s := &Segments{Source: string(head[1]), Date: string(head[2])}
	var err error
	if s.of, err = io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(head[3])), numSegments+1)); err != nil {
		return nil, fmt.Errorf("read the table of number segments: %w", err)
	}
	if len(s.of) != numSegments {
		return nil, fmt.Errorf("the table has %d segments, not %d", len(s.of), numSegments)
	}
	return s, nil
}

// maxSegmentErrors is how many lines that can't be read are told.
const maxSegmentErrors = 20

// ReadSegments reads a list of segments: lines of seven digits, a comma, and a province by its
// code or Chinese name; what follows a second comma is not looked at, nor is a first line
// without a digit. All lines are right, or nothing is read.
func ReadSegments(r io.Reader, source, date string) (*Segments, error) {
	s := &Segments{Source: source, Date: date, of: make([]byte, numSegments)}
	if err := s.head(); err != nil {
		return nil, err
	}
	in := bufio.NewScanner(io.LimitReader(r, MaxSegmentBytes))
	var wrong []error
	lines := 0
	for n := 1; in.Scan() && len(wrong) < maxSegmentErrors; n++ {
		line := strings.TrimSpace(strings.TrimPrefix(in.Text(), "\ufeff"))
		if line == "" || n == 1 && !strings.ContainsAny(line, "0123456789") {
			continue
		}
		lines++
		if err := s.line(line); err != nil {
			wrong = append(wrong, fmt.Errorf("line %d: %w", n, err))
		}
	}
	if err := in.Err(); err != nil {
		wrong = append(wrong, err)
	}
	if lines == 0 {
		wrong = append(wrong, errors.New("it has no line like 1390000,北京"))
	}
	if wrong != nil {
		return nil, errors.Join(wrong...)
	}
	return s, nil
}

func (s *Segments) head() error {
	for _, x := range []string{s.Source, s.Date} {
		if x == "" || len(x) > 200 || strings.ContainsAny(x, "\r\n") || !utf8.ValidString(x) {
			return errors.New("source and date say in a line each where the list comes from, and of when it is")
		}
	}
	return nil
}

func (s *Segments) line(line string) error {
	digits, rest, _ := strings.Cut(line, ",")
	name, _, _ := strings.Cut(rest, ",")
	digits = strings.Trim(strings.TrimSpace(digits), `"`)
	i, err := strconv.Atoi(digits)
	if err != nil || len(digits) != 7 || i < firstSegment || i >= firstSegment+numSegments {
		return fmt.Errorf("%.20q is no segment of seven digits from 1300000 to 1999999", digits)
	}
	p, err := sms.ParseProvince(strings.Trim(strings.TrimSpace(name), `"`))
	if err != nil {
		return err
	}
	at := &s.of[i-firstSegment]
	if *at != 0 && *at != byte(p.Index()) {
		return fmt.Errorf("segment %s stands twice, with another province", digits)
	}
	*at = byte(p.Index())
	return nil
}

// ReadPhoneDat reads the binary form in which the package phone of PyPI has its data: four bytes
// of version, the offset of the index, records of province|city|… that end with a zero, and an
// index of segment, offset of the record and carrier.
func ReadPhoneDat(b []byte, source, date string) (*Segments, error) {
	const entry = 9
	s := &Segments{Source: source, Date: date, of: make([]byte, numSegments)}
	if err := s.head(); err != nil {
		return nil, err
	}
	if len(b) < 8 || len(b) > MaxSegmentBytes {
		return nil, errors.New("it is no phone.dat")
	}
	index := binary.LittleEndian.Uint32(b[4:8])
	if index < 8 || int64(index) > int64(len(b)) || (len(b)-int(index))%entry != 0 {
		return nil, errors.New("it is no phone.dat: its index is not where its head says")
	}
	for x := b[index:]; len(x) > 0; x = x[entry:] {
		segment, at := binary.LittleEndian.Uint32(x), binary.LittleEndian.Uint32(x[4:])
		if at < 8 || at >= index {
			return nil, fmt.Errorf("the record of segment %d is not among the records", segment)
		}
		province, _, _ := bytes.Cut(b[at:index], []byte("|"))
		if err := s.line(fmt.Sprintf("%d,%s", segment, province[:min(len(province), 30)])); err != nil {
			return nil, err
		}
	}
	return s, nil
}
