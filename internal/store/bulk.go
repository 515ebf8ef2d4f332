package store

import (
	"context"
	"database/sql"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// Statements are prepared once per text, so lists come in few sizes.
var chunkSizes = []int{128, 16, 1}

// insert writes many rows of cols columns each. args holds them one after the
// other. head is everything up to VALUES, tail what follows the rows.
func (t *Tx) insert(ctx context.Context, head string, cols int, tail string, args []any) error {
	if t.lite != nil {
		_, err := t.d.count(t.lite.ExecRows(valuesText(head, cols, 1, nil, tail), cols, args))
		return err
	}
	for len(args) > 0 {
		n := chunk(len(args) / cols)
		if err := t.Exec(ctx, valuesText(head, cols, n, nil, tail), args[:n*cols]...); err != nil {
			return err
		}
		args = args[n*cols:]
	}
	return nil
}

// update writes many rows by UPDATE … FROM. names are the columns of v in
// order, types theirs; set is what follows the list: UPDATE x SET … FROM v WHERE ….
// It returns the number of rows changed.
func (t *Tx) update(ctx context.Context, names []string, types []string, set string, args []any) (int, error) {
	cols, total := len(names), 0
	if t.lite != nil {
		return t.d.count(t.lite.ExecRows(updateText(names, set), cols, args))
	}
	cast := make([]string, cols)
	for i, typ := range types {
		cast[i] = "CAST(? AS " + typ + ")"
	}
	head := "WITH v(" + strings.Join(names, ",") + ") AS (VALUES "
	for len(args) > 0 {
		n := chunk(len(args) / cols)
		c, err := t.ExecCount(ctx, valuesText(head, cols, n, cast, ") "+set), args[:n*cols]...)
		if err != nil {
			return total, err
		}
		total += c
		args = args[n*cols:]
	}
	return total, nil
}

var listColumn = regexp.MustCompile(`\bv\.\w+`)

// updateText makes of UPDATE … FROM v the statement for one row, whose values are its
// parameters: so SQLite need not build v as a table first.
func updateText(names []string, set string) string {
	return listColumn.ReplaceAllStringFunc(strings.Replace(set, " FROM v ", " ", 1), func(column string) string {
		return "?" + strconv.Itoa(slices.Index(names, column[len("v."):])+1)
	})
}

// Column types of update.
const (
	integer = "BIGINT"
	text    = "TEXT"
)

func chunk(rows int) int {
	for _, s := range chunkSizes {
		if rows >= s {
			return s
		}
	}
	return rows
}

func valuesText(head string, cols, rows int, cells []string, tail string) string {
	var b strings.Builder
	b.Grow(len(head) + rows*cols*2 + len(tail) + 8)
	b.WriteString(head)
	for r := range rows {
		if r > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('(')
		for c := range cols {
			if c > 0 {
				b.WriteByte(',')
			}
			if cells == nil {
				b.WriteByte('?')
			} else {
				b.WriteString(cells[c])
			}
		}
		b.WriteByte(')')
	}
	b.WriteString(tail)
	return b.String()
}

// in runs a query whose text has one %s for a list of placeholders, in parts
// of fixed size; a short part repeats its last value, which an IN list bears.
// before and after are the arguments on either side of the list.
func (t *Tx) in(ctx context.Context, query string, before, list, after []any, scan func(*sql.Rows) error) error {
	return parts(query, before, list, after, func(text string, args []any) error { return t.Query(ctx, text, args, scan) })
}

// inEach is in for what is read often: it scans each row into dest, the same for all. The
// list holds nothing twice. In SQLite's writer, where a statement costs little, each value
// is looked up by itself, in the order of the list.
func (t *Tx) inEach(ctx context.Context, query string, before, list, after, dest []any, f func() error) error {
	if t.lite != nil {
		return t.lite.QueryRows(strings.Replace(query, "%s", "?", 1), before, list, 1, after, scanInto(dest, f))
	}
	return parts(query, before, list, after, func(text string, args []any) error { return t.each(ctx, text, args, dest, f) })
}

func parts(query string, before, list, after []any, run func(text string, args []any) error) error {
	for len(list) > 0 {
		n := min(len(list), chunkSizes[0])
		size := 1
		for _, s := range chunkSizes {
			if s >= n {
				size = s
			}
		}
		args := make([]any, 0, len(before)+size+len(after))
		args = append(args, before...)
		args = append(args, list[:n]...)
		for range size - n {
			args = append(args, list[n-1])
		}
		args = append(args, after...)
		if err := run(strings.Replace(query, "%s", marks(size), 1), args); err != nil {
			return err
		}
		list = list[n:]
	}
	return nil
}

// idArgs are the ids as arguments, in order and each once.
func idArgs(ids []sms.ID) []any {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	ids = slices.Compact(ids)
	list := make([]any, len(ids))
	for i, id := range ids {
		list[i] = int64(id)
	}
	return list
}

// inExec is in for a statement without rows.
func (t *Tx) inExec(ctx context.Context, query string, before, list []any) (int, error) {
	total := 0
	for len(list) > 0 {
		n := chunk(len(list))
		args := append(append(make([]any, 0, len(before)+n), before...), list[:n]...)
		c, err := t.ExecCount(ctx, strings.Replace(query, "%s", marks(n), 1), args...)
		if err != nil {
			return total, err
		}
		total += c
		list = list[n:]
	}
	return total, nil
}

func marks(n int) string { return "?" + strings.Repeat(",?", n-1) }
