package gate_test

import (
	"strings"
	"testing"

	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// What no rule refuses has a reason and a remedy of its own all the same.
func TestRefusalsWithoutARuleAreExplained(t *testing.T) {
	for _, code := range []sms.Code{
		sms.BadNumber, sms.DuplicateRecipient, sms.TextTooLong, sms.BalanceTooLow, sms.NotAfterPassed, sms.PriceMissing, sms.NoChannel, sms.SourceTooLong, sms.PartyFrozen, sms.TemplateNotFiled,
	} {
		f := gate.Explained(code)
		if f.Code != code || f.Articles == nil || f.Reason.Zh == "" || f.Reason.En == "" || f.Remedy.Zh == "" || strings.HasPrefix(f.Remedy.En, "see ") {
			t.Errorf("%s: %+v", code, f)
		}
	}
}
