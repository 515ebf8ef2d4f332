package dialect

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime/multipart"
	"strings"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// What we sign we can read: until when it holds, whose files it lets come and how large.
func TestPolicyIsRead(t *testing.T) {
	until := time.Date(2026, 11, 27, 10, 0, 0, 0, time.UTC)
	party := sms.ID(7 << 22)
	end, prefix, most, err := readPolicy(policyFor(party, until))
	if err != nil || !end.Equal(until) || prefix != startPath(party)+"/" || most != maxFile {
		t.Errorf("%s %q %d %v", end, prefix, most, err)
	}
}

// A policy demands nothing that is not kept to.
func TestPolicyWithMoreIsRefused(t *testing.T) {
	for _, text := range []string{
		``, `{}`, `{"expiration":"soon"}`,
		`{"expiration":"2026-11-27T10:00:00Z","conditions":[{"bucket":"x"}]}`,
		`{"expiration":"2026-11-27T10:00:00Z","conditions":[["eq","$key","x"]]}`,
		`{"expiration":"2026-11-27T10:00:00Z","conditions":[["content-length-range",0,"x"]]}`,
		`{"expiration":"2026-11-27T10:00:00Z","conditions":[["content-length-range",0,-1]]}`,
		`{"expiration":"2026-11-27T10:00:00Z","conditions":[["starts-with","$key",1]]}`,
		`{"expiration":"2026-11-27T10:00:00Z","Expiration":"2027-11-27T10:00:00Z"}`,
	} {
		if _, _, _, err := readPolicy(base64.StdEncoding.EncodeToString([]byte(text))); err == nil {
			t.Errorf("taken: %s", text)
		}
	}
}

func FuzzPolicy(f *testing.F) {
	f.Add(policyFor(1, time.Unix(0, 0)))
	f.Add(base64.StdEncoding.EncodeToString([]byte(`{"expiration":"2026-11-27T10:00:00Z","conditions":[["content-length-range",0,1e3]]}`)))
	f.Fuzz(func(t *testing.T, text string) {
		_, _, most, err := readPolicy(text)
		if err == nil && (most < 0 || most > maxFile) {
			t.Errorf("%q lets %d bytes come", text, most)
		}
	})
}

func FuzzForm(f *testing.F) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	if err := w.SetBoundary("x"); err != nil {
		f.Fatal(err)
	}
	for _, name := range []string{"key", "Policy", "file"} {
		if err := w.WriteField(name, "1/a.png"); err != nil {
			f.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add(bytes.ReplaceAll(b.Bytes(), []byte("Policy"), []byte("KEY")))
	f.Fuzz(func(t *testing.T, body []byte) {
		fields, file, err := formFields(multipart.NewReader(bytes.NewReader(body), "x"))
		if (err == nil) != (file != nil) {
			t.Fatalf("%v beside a file", err)
		}
		for name, value := range fields {
			if name == "" || name != strings.ToLower(name) || len(value) > maxFormField {
				t.Errorf("%q: %d bytes", name, len(value))
			}
		}
		if file != nil {
			if n, err := io.Copy(io.Discard, &bounded{file, 3}); err == nil && n > 3 {
				t.Errorf("%d bytes were read", n)
			}
		}
	})
}

func FuzzAliyunPeriod(f *testing.F) {
	f.Add("2023-01-01~2033-01-01")
	f.Add("2023-02-29~2033-01-01")
	f.Add("2033-01-01~2023-01-01")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := aliyunPeriod(map[string]string{"x": text}, "x")
		if err == nil && text != "" && (p.From >= p.To || shown(p) != text) {
			t.Errorf("%q is %+v, shown as %q", text, p, shown(p))
		}
	})
}
