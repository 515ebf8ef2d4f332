package store

import "testing"

// An update's values are found by their whole names.
func TestUpdateText(t *testing.T) {
	got := updateText([]string{"mid", "st", "stat"}, "UPDATE segment SET state = v.st, stat = v.stat FROM v WHERE message_id = v.mid AND segment.no = v.st")
	if want := "UPDATE segment SET state = ?2, stat = ?3 WHERE message_id = ?1 AND segment.no = ?2"; got != want {
		t.Errorf("got %s", got)
	}
}
