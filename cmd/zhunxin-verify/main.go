// Command zhunxin-verify checks an evidence pack offline. It needs the file and the
// operator's public key, and trusts nothing else.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/zhunxin/zhunxin/evidence/bundle"
)

type list []string

func (l *list) String() string     { return strings.Join(*l, ",") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "NOT VERIFIED 未通过验证:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	var witnesses list
	fs := flag.NewFlagSet("zhunxin-verify", flag.ContinueOnError)
	key := fs.String("key", "", "verifier `key` of the operator's log, or a file that holds it")
	seen := fs.String("seen", "", "`file` with a checkpoint that you kept")
	fs.Var(&witnesses, "witness", "verifier `key` of a witness, or a file that holds it; may be repeated")
	phone := fs.String("phone", "", "`number` to check, as it was sent to: 11 digits, or with 86, +86 or 0086; others with + and the country code")
	message := fs.String("text", "", "`file` with the text to check")
	event := fs.String("event", "", "`file` with a signed consent event to check: JSON with statement and signature")
	fs.Usage = func() {
		fmt.Fprintln(fs.Output(), "usage: zhunxin-verify [flags] FILE")
		fs.PrintDefaults()
	}
	files, err := parse(fs, args)
	if err != nil {
		return err
	}
	if len(files) != 1 || *key == "" {
		fs.Usage()
		return errors.New("one pack and --key are needed")
	}
	pack, err := os.ReadFile(files[0])
	if err != nil {
		return err
	}
	var o bundle.Options
	if *phone != "" {
		if o.Phone, err = bundle.Digits(*phone); err != nil {
			return err
		}
	}
	if *message != "" {
		b, err := os.ReadFile(*message)
		if err != nil {
			return err
		}
		o.Text = strings.TrimRight(string(b), "\r\n")
	}
	if *event != "" {
		b, err := os.ReadFile(*event)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(b, &o.Event); err != nil {
			return fmt.Errorf("the event: %w", err)
		}
	}
	if o.Key, err = text(*key); err != nil {
		return err
	}
	if *seen != "" {
		b, err := os.ReadFile(*seen)
		if err != nil {
			return err
		}
		o.Seen = string(b)
	}
	for _, w := range witnesses {
		k, err := text(w)
		if err != nil {
			return err
		}
		o.Witnesses = append(o.Witnesses, k)
	}
	r, err := bundle.Verify(pack, o)
	if err != nil {
		return err
	}
	show(out, r)
	return nil
}

// parse lets flags stand before and after the file.
func parse(fs *flag.FlagSet, args []string) (files []string, err error) {
	for {
		if err := fs.Parse(args); err != nil {
			return nil, err
		}
		if fs.NArg() == 0 {
			return files, nil
		}
		files, args = append(files, fs.Arg(0)), fs.Args()[1:]
	}
}

// text is a key as given, or the first line of the file that it names.
func text(s string) (string, error) {
	if strings.Count(s, "+") >= 2 {
		return s, nil
	}
	b, err := os.ReadFile(s)
	if err != nil {
		return "", fmt.Errorf("%q is neither a key nor a file: %w", s, err)
	}
	line, _, _ := strings.Cut(string(b), "\n")
	return line, nil
}

func show(out io.Writer, r *bundle.Report) {
	fmt.Fprintf(out, "VERIFIED 已验证: %s %d, log %s, checkpoint of %d leaves\n", r.Subject.Kind, r.Subject.ID, r.Origin, r.Size)
	for _, part := range []struct {
		title string
		lines []string
	}{
		{"What the records say 记录内容", r.Records},
		{"(a) Proved: unchanged since the checkpoint 已证明未被更改", r.Proved},
		{"(b) Seen by others than the operator 运营商以外的见证", r.SeenBy},
		{"(c) The operator's word only 仅为运营商陈述", r.Asserted},
	} {
		fmt.Fprintf(out, "\n%s\n", part.title)
		if len(part.lines) == 0 {
			fmt.Fprintln(out, "  none 无")
		}
		for _, l := range part.lines {
			fmt.Fprintln(out, "  "+l)
		}
	}
}
