package channel

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/zhunxin/zhunxin/internal/registry"
)

// The descriptions of docs/upstreams.md are ones that can be stored.
func TestDocumentedDescriptions(t *testing.T) {
	page, err := os.ReadFile("../../docs/upstreams.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(strings.NewReplacer(`"CODE"`, `"7"`, `"OURS"`, `"8"`).Replace(string(page)), "<<'END'\n")
	whole, rest, ok := strings.Cut(rest, "    END\n")
	var ch registry.Channel
	if err := json.Unmarshal([]byte(whole), &ch); err != nil || !ok {
		t.Fatalf("%v\n%s", err, whole)
	}
	if err := Check(&ch, "secret"); err != nil {
		t.Error(err)
	}
	_, rest, _ = strings.Cut(rest, "answers `0,1234567890` is\n")
	older, rest, ok := strings.Cut(rest, "\n\n|")
	ch.Options.HTTP = &registry.HTTPUpstream{}
	if err := json.Unmarshal([]byte("{"+older+"}"), ch.Options.HTTP); err != nil || !ok {
		t.Fatalf("%v\n%s", err, older)
	}
	if err := Check(&ch, "secret"); err != nil {
		t.Error(err)
	}
	_, rest, _ = strings.Cut(rest, "## Aliyun and Tencent\n")
	cloud, _, ok := strings.Cut(rest, "\n\n`tencent`")
	ch = registry.Channel{}
	if err := json.Unmarshal([]byte(cloud), &ch); err != nil || !ok {
		t.Fatalf("%v\n%s", err, cloud)
	}
	if err := Check(&ch, "secret"); err != nil {
		t.Error(err)
	}
}
