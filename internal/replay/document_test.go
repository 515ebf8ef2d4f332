package replay

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"unicode/utf8"
)

// What encoding/json reads as an object of facts is read alike.
func FuzzMembers(f *testing.F) {
	f.Add([]byte(`{"category":"MKT","channels":{"mobile":[{"channel":"7","text.links":12,"code.own":false}]},"time.workday":null,"lex.a":-3}`))
	f.Add([]byte(" {\n\"a\\u0041\" : \"\\u4e2d\\\"\" , \"b\":[1, 2.5e3 ,\"]\"] }\t"))
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"a":1} {}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		got := map[string]json.RawMessage{}
		err := members(doc, func(name, value []byte) error {
			got[string(name)] = bytes.TrimRight(value, " \t\r\n")
			return nil
		})
		var want map[string]json.RawMessage
		if !utf8.Valid(doc) || json.Unmarshal(doc, &want) != nil || want == nil {
			return
		}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%s: %q, %v", doc, got, err)
		}
		for name, value := range want {
			var v any
			if err := json.Unmarshal(value, &v); err != nil {
				t.Fatal(err)
			}
			switch v := v.(type) {
			case []any:
				n := 0
				if err := elements(value, func(e []byte) error {
					var x any
					err := json.Unmarshal(e, &x)
					if err == nil && !reflect.DeepEqual(x, v[n]) {
						t.Errorf("%s: element %d is %s", value, n, e)
					}
					n++
					return err
				}); err != nil || n != len(v) {
					t.Errorf("%s: %d elements, %v", value, n, err)
				}
			case map[string]any:
			default:
				x, err := scalar(value)
				if n, ok := x.(int64); ok { // encoding/json has no whole numbers
					x = float64(n)
				}
				if err != nil || !reflect.DeepEqual(x, v) {
					t.Errorf("%s: %s is %v, %v", name, value, x, err)
				}
			}
		}
	})
}
