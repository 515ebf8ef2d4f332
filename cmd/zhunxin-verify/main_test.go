package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What is no number is said to be none, before the pack is found to be of somebody else.
func TestPhoneIsReadAsForSending(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pack.json")
	if err := os.WriteFile(file, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for phone, wrong := range map[string]bool{"14200000001": false, "+86 142 0000 0001": false, "1420000": true, "one": true} {
		err := run([]string{"--key", "a+b+c", "--phone", phone, file}, io.Discard)
		if err == nil || strings.Contains(err.Error(), "not a phone number") != wrong {
			t.Errorf("%s: %v", phone, err)
		}
	}
}
