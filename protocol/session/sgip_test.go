package session

import (
	"testing"

	"github.com/zhunxin/zhunxin/protocol/sgip"
)

// What is on its way is waiting in SGIP, not failed.
func TestSGIPTellsWhatIsOnItsWay(t *testing.T) {
	for _, stat := range []string{"ACCEPTD", "ENROUTE"} {
		p, err := toSGIPReport(&Report{ID: "3028071320-1125010203-7", Dest: "17000000001", Stat: stat})
		if err != nil || p.State != sgip.StateWaiting || p.ErrorCode != 0 {
			t.Errorf("%s: %+v, %v", stat, p, err)
		}
	}
}
