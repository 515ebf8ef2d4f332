package config

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// kinds gives the type of every key.
func kinds(t reflect.Type, prefix string) map[string]reflect.Type {
	all := map[string]reflect.Type{}
	for i := range t.NumField() {
		f := t.Field(i)
		key := prefix + f.Tag.Get("koanf")
		if f.Type.Kind() != reflect.Struct {
			all[key] = f.Type
			continue
		}
		for k, kind := range kinds(f.Type, key+".") {
			all[k] = kind
		}
	}
	return all
}

// section tells whether keys stand under that one.
func section(known map[string]reflect.Type, key string) bool {
	for k := range known {
		if strings.HasPrefix(k, key+".") {
			return true
		}
	}
	return false
}

// empty tells whether nothing stands under a key of the file.
func empty(value any) bool {
	m, isMap := value.(map[string]any)
	return value == nil || isMap && len(m) == 0
}

// check says what is wrong with one value, under the name by which whoever wrote it knows
// it. What it lets through the decoder can read.
func check(known map[string]reflect.Type, key, name string, value any) error {
	kind, ok := known[key]
	if !ok && section(known, key) {
		return fmt.Errorf("%s is %.60q: write its keys under it; zhunxin config sample prints them", name, fmt.Sprint(value))
	}
	if !ok {
		from := ""
		if name != key {
			from = " (" + name + ")"
		}
		return fmt.Errorf("there is no key %q%s; zhunxin config sample prints those there are", key, from)
	}
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("%s is %.60q: write %s", name, fmt.Sprint(value), fmt.Sprintf(format, args...))
	}
	if kind == reflect.TypeFor[time.Duration]() {
		return checkDuration(value, wrong)
	}
	text, isText := value.(string)
	switch kind.Kind() {
	case reflect.Int:
		_, isInt := value.(int)
		if _, err := strconv.Atoi(text); !isInt && (!isText || err != nil) {
			return wrong("a whole number")
		}
	case reflect.Bool:
		_, isBool := value.(bool)
		if _, err := strconv.ParseBool(text); !isBool && (!isText || err != nil) {
			return wrong("true or false")
		}
	case reflect.String:
		if _, isList := value.([]any); isList {
			return wrong("one text, no list")
		}
	case reflect.Slice:
		if list, isList := value.([]any); isList {
			for _, v := range list {
				if _, ok := v.(string); !ok {
					return wrong("a list of texts, such as [a, b]")
				}
			}
		} else if !isText && value != nil {
			return wrong("a list, such as [a, b]")
		}
	}
	return nil
}

// checkDuration refuses a number without a unit, which would be nanoseconds.
func checkDuration(value any, wrong func(format string, args ...any) error) error {
	text := fmt.Sprint(value)
	if _, err := strconv.ParseFloat(text, 64); err == nil && text != "0" {
		return wrong("a time with its unit: %s has no unit, say %[1]ss", text)
	}
	if _, err := time.ParseDuration(text); err != nil {
		return wrong("a time with its unit, such as 5s, 200ms or 72h")
	}
	return nil
}
