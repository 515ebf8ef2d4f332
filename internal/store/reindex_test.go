package store

import (
	"os"
	"regexp"
	"slices"
	"testing"
)

// A change of the index key reaches every table that names people by their keyed ids.
func TestReindexKnowsEveryTableOfPeople(t *testing.T) {
	script, err := os.ReadFile("migration/0001_spine.sql")
	if err != nil {
		t.Fatal(err)
	}
	known := slices.Clone(reindexByPhone)
	for _, x := range reindexByRow {
		known = append(known, x.table)
	}
	found := 0
	for _, m := range regexp.MustCompile(`(?s)CREATE TABLE (\w+) \((.*?)\n\)`).FindAllStringSubmatch(string(script), -1) {
		if !regexp.MustCompile(`(?m)^\s+phone_id\s`).MatchString(m[2]) {
			continue
		}
		found++
		if !slices.Contains(known, m[1]) {
			t.Errorf("%s has a phone_id and is in no list of the reindex: its rows would be lost to their people", m[1])
		}
	}
	if found != len(known) {
		t.Errorf("%d tables have one, and the reindex knows %d", found, len(known))
	}
}
