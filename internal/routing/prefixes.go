package routing

import (
	"bytes"
	"cmp"
	_ "embed"
	"encoding/csv"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/zhunxin/zhunxin/internal/sms"
)

//go:embed prefixes.csv
var prefixData []byte

// The first four digits of mainland mobile numbers.
const (
	firstBeginning = 1300
	numBeginnings  = 2000 - firstBeginning
)

// byBeginning is whose a number is by its first four digits. The table of prefixes is right
// in every build that passed its tests.
var byBeginning = sync.OnceValue(func() *[numBeginnings]sms.Carrier {
	m, err := readPrefixes(prefixData)
	if err != nil {
		panic(err)
	}
	var of [numBeginnings]sms.Carrier
	for i := range of {
		four := strconv.Itoa(firstBeginning + i)
		of[i] = cmp.Or(m[four], m[four[:3]], sms.Mobile)
	}
	return &of
})

// readPrefixes reads a table of prefixes. All lines are right, or none is read.
func readPrefixes(b []byte) (map[string]sms.Carrier, error) {
	in := csv.NewReader(bytes.NewReader(b))
	in.Comment, in.FieldsPerRecord = '#', 4
	rows, err := in.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("table of prefixes: %w", err)
	}
	if len(rows) == 0 || !slices.Equal(rows[0], []string{"prefix", "carrier", "source", "date"}) {
		return nil, fmt.Errorf("table of prefixes: its first line does not name prefix, carrier, source and date")
	}
	m := make(map[string]sms.Carrier, len(rows))
	for _, r := range rows[1:] {
		p, source, date := r[0], r[2], r[3]
		c, err := sms.ParseCarrier(r[1])
		switch former, twice := m[p]; {
		case err != nil:
			return nil, fmt.Errorf("table of prefixes: %s: %w", p, err)
		case c == sms.International:
			return nil, fmt.Errorf("table of prefixes: %s is of the mainland", p)
		case twice:
			return nil, fmt.Errorf("table of prefixes: %s stands under %s and under %s", p, former, c)
		case !isPrefix(p):
			return nil, fmt.Errorf("table of prefixes: %q is not three or four digits from 13 to 19", p)
		case strings.TrimSpace(source) == "":
			return nil, fmt.Errorf("table of prefixes: %s has no source", p)
		}
		if _, err := time.Parse("2006-01", date); err != nil {
			return nil, fmt.Errorf("table of prefixes: %s has no year and month: %w", p, err)
		}
		m[p] = c
	}
	return m, nil
}

func isPrefix(p string) bool {
	return (len(p) == 3 || len(p) == 4) && strings.Trim(p, "0123456789") == "" && p[0] == '1' && p[1] >= '3'
}
