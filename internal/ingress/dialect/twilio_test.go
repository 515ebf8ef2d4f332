package dialect

import (
	"net/url"
	"testing"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// The vector was made by Twilio's own SDK.
func TestTwilioSignature(t *testing.T) {
	form, err := url.ParseQuery("MessageSid=SM1&MessageStatus=delivered&To=%2B8613711112222")
	if err != nil {
		t.Fatal(err)
	}
	if got := twilioSignature("authtoken0", "https://example.com/cb?x=1", form); got != "3ZIZJv8w0ZW2yz4dtSsgm7KPa34=" {
		t.Error(got)
	}
}

// Every stored state has a status.
func TestTwilioStatuses(t *testing.T) {
	for _, s := range sms.States() {
		if twilioStates[s] == "" {
			t.Errorf("%s has none", s)
		}
	}
}

// What reads as one of our identifiers is exactly what we write.
func FuzzSID(f *testing.F) {
	f.Add("SM00000000000000000000000000000007")
	f.Add("SMffffffffffffffffffffffffffffffff")
	f.Add("SM0000000000000000000000000000000A")
	f.Fuzz(func(t *testing.T, text string) {
		if id := fromSID(sidMessage, text); id != 0 && sid(sidMessage, id) != text {
			t.Errorf("%q is %d", text, id)
		}
	})
}
