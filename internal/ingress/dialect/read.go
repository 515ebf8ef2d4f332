package dialect

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/zhunxin/zhunxin/internal/strictjson"
)

// maxItems bounds what is read of flat parameters.
const maxItems = 2000 // of a list, as many as parameters

// decodeJSON reads one value, and nothing that two readers could read in two ways.
func decodeJSON(b []byte, into any) error {
	if err := strictjson.Check(b, true); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more stands behind the JSON")
	}
	return nil
}

// unflatten makes JSON of parameters: A.0, A.1 are a list. Everything is a text there; numbers
// are read from texts.
func unflatten(params map[string]string) ([]byte, error) {
	out, lists := map[string]any{}, map[string]map[int]string{}
	for k, v := range params {
		name, index, nested := strings.Cut(k, ".")
		if !nested {
			out[k] = v
			continue
		}
		i, err := strconv.Atoi(index)
		if err != nil || i < 0 || i >= maxItems || strconv.Itoa(i) != index {
			return nil, fmt.Errorf("the parameter %q is none of a list: those are A.0, A.1 and so on", clip(k, 40))
		}
		if lists[name] == nil {
			lists[name] = map[int]string{}
		}
		lists[name][i] = v
	}
	for name, l := range lists {
		if _, both := out[name]; both {
			return nil, fmt.Errorf("the parameter %q is a list and a text", clip(name, 40))
		}
		list := make([]string, 0, len(l))
		for i := range len(l) {
			v, ok := l[i]
			if !ok {
				return nil, fmt.Errorf("the list %q lacks its item %d", clip(name, 40), i)
			}
			list = append(list, v)
		}
		out[name] = list
	}
	return json.Marshal(out)
}
