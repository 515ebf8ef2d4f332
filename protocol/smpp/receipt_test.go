package smpp_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/zhunxin/zhunxin/protocol/smpp"
)

func wholeReceipt() smpp.Receipt {
	return smpp.Receipt{
		MessageID: "0012617184", Sub: "001", Dlvrd: "001", SubmitDate: "2611241000", DoneDate: "2611241001",
		Stat: "DELIVRD", State: smpp.StateDelivered, Err: "000", Text: "Hello, world: all ok",
	}
}

func TestParseReceipt(t *testing.T) {
	t.Parallel()
	whole := wholeReceipt()
	for name, v := range map[string]struct {
		text string
		want smpp.Receipt
	}{
		"as specified": {receiptText, whole},
		"upper case": {
			"ID:0012617184 SUB:001 DLVRD:001 SUBMIT DATE:2611241000 DONE DATE:2611241001 STAT:DELIVRD ERR:000 TEXT:Hello, world: all ok", whole,
		},
		"blanks": {
			" id: 0012617184  sub :001\tdlvrd : 001 submit  date: 2611241000\r\ndone_date:2611241001 stat: DELIVRD err:000 Text: Hello, world: all ok \x00", whole,
		},
		"other order": {
			"stat:DELIVRD err:000 done date:2611241001 submitdate:2611241000 dlvrd:001 sub:001 id:0012617184 text:Hello, world: all ok", whole,
		},
		"text first":       {"text:a: b id:7 stat:EXPIRED", smpp.Receipt{MessageID: "7", Stat: "EXPIRED", State: smpp.StateExpired, Text: "a: b"}},
		"only id":          {"id:a1-B2", smpp.Receipt{MessageID: "a1-B2"}},
		"only stat":        {"stat:undeliv", smpp.Receipt{Stat: "undeliv", State: smpp.StateUndeliverable}},
		"empty fields":     {"id:7 sub: dlvrd: stat:ACCEPTD err: text:", smpp.Receipt{MessageID: "7", Stat: "ACCEPTD", State: smpp.StateAccepted}},
		"unknown fields":   {"id:7 foo:9 stat:ODD grid:5 err:12", smpp.Receipt{MessageID: "7", Stat: "ODD", Err: "12"}},
		"first one counts": {"id:7 stat:REJECTD stat:DELIVRD id:8", smpp.Receipt{MessageID: "7", Stat: "REJECTD", State: smpp.StateRejected}},
		"text can't set what comes later": {
			"id:7 text:stat:DELIVRD err:1 id:8", smpp.Receipt{MessageID: "7", Text: "stat:DELIVRD err:1 id:8"},
		},
	} {
		if got, err := smpp.ParseReceipt([]byte(v.text)); err != nil || got != v.want {
			t.Errorf("%s:\n got %+v, %v\nwant %+v", name, got, err, v.want)
		}
	}
	for _, bad := range []string{"", "hello", "err:000 text:id", "sub:001 paid:7", "id:" + strings.Repeat("1", 65)} {
		if got, err := smpp.ParseReceipt([]byte(bad)); err == nil || got != (smpp.Receipt{}) {
			t.Errorf("%q: %+v, %v", bad, got, err)
		}
	}
}

func TestReceiptParametersWin(t *testing.T) {
	t.Parallel()
	state := smpp.TLV{Tag: smpp.TagMessageState, Value: []byte{5}}
	id := smpp.TLV{Tag: smpp.TagReceiptedMessageID, Value: []byte("C085E0")} // some leave its NUL out
	network := smpp.TLV{Tag: smpp.TagNetworkErrorCode, Value: []byte{3, 1, 2}}
	p := smpp.DeliverSM{EsmClass: smpp.EsmReceipt, ShortMessage: []byte(receiptText), TLVs: smpp.TLVs{state, id, network}}
	want := wholeReceipt()
	want.MessageID, want.State, want.Stat, want.Network, want.NetworkCode = "C085E0", smpp.StateUndeliverable, "UNDELIV", 3, 0x102
	if got, err := p.Receipt(); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	p.ShortMessage = nil
	want = smpp.Receipt{MessageID: "C085E0", State: smpp.StateUndeliverable, Stat: "UNDELIV", Network: 3, NetworkCode: 0x102}
	if got, err := p.Receipt(); err != nil || got != want {
		t.Errorf("without text: %+v, %v", got, err)
	}
	data := smpp.DataSM{EsmClass: smpp.EsmReceipt, TLVs: p.TLVs}
	if got, err := data.Receipt(); err != nil || got != want {
		t.Errorf("in data_sm: %+v, %v", got, err)
	}
	p = smpp.DeliverSM{ShortMessage: []byte(receiptText), TLVs: smpp.TLVs{{Tag: smpp.TagMessageState, Value: []byte{77}}}}
	if got, err := p.Receipt(); err != nil || got != wholeReceipt() {
		t.Errorf("a state that there is not: %+v, %v", got, err)
	}
	p = smpp.DeliverSM{}
	p.TLVs.SetU8(smpp.TagDisplayTime, 1)
	if got, err := p.Receipt(); err == nil {
		t.Errorf("no receipt: %+v", got)
	}
}

func TestReceiptRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		state := smpp.MessageState(rapid.IntRange(1, 8).Draw(t, "state"))
		want := smpp.Receipt{
			MessageID: "x" + drawText(t, 63), Sub: drawText(t, 3), Dlvrd: drawText(t, 3), SubmitDate: drawText(t, 12), DoneDate: drawText(t, 10),
			Stat: state.Stat(), State: state, Err: drawText(t, 3), Text: rapid.StringMatching(`([a-z0-9:][ a-z0-9:]{0,17}[a-z0-9:])?`).Draw(t, "text"),
			Network: rapid.Uint8Range(1, 3).Draw(t, "network"), NetworkCode: rapid.Uint16().Draw(t, "code"),
		}
		p := smpp.DeliverSM{EsmClass: smpp.EsmReplyPath | smpp.EsmDeliveryAck}
		p.TLVs.SetU8(smpp.TagMessageState, 0)
		if err := p.SetReceipt(want); err != nil {
			t.Fatal(err)
		}
		if got, err := p.Receipt(); err != nil || got != want || p.EsmClass != smpp.EsmReplyPath|smpp.EsmReceipt {
			t.Fatalf("%s:\n got %+v, %v\nwant %+v", p.ShortMessage, got, err, want)
		}
		want.Network, want.NetworkCode = 0, 0
		if got, err := smpp.ParseReceipt(p.ShortMessage); err != nil || got != want {
			t.Fatalf("%s:\n got %+v, %v\nwant %+v", p.ShortMessage, got, err, want)
		}
	})
}

// What an earlier receipt said must not win over a new one.
func TestSetReceiptForgets(t *testing.T) {
	t.Parallel()
	var p smpp.DeliverSM
	old := wholeReceipt()
	old.Network, old.NetworkCode = 3, 9
	want := smpp.Receipt{Stat: "EXPIRED"}
	if err := p.SetReceipt(old); err != nil {
		t.Fatal(err)
	}
	if err := p.SetReceipt(want); err != nil {
		t.Fatal(err)
	}
	want.State = smpp.StateExpired
	if got, err := p.Receipt(); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestReceiptAppend(t *testing.T) {
	t.Parallel()
	whole := wholeReceipt()
	if b, err := whole.Append([]byte("before ")); err != nil || string(b) != "before "+receiptText {
		t.Errorf("%s, %v", b, err)
	}
	whole.Stat = "" // from State
	if b, err := whole.Append(nil); err != nil || string(b) != receiptText {
		t.Errorf("%s, %v", b, err)
	}
	for field, spoil := range map[string]func(*smpp.Receipt){
		"id":          func(r *smpp.Receipt) { r.MessageID = "1 2" },
		"sub":         func(r *smpp.Receipt) { r.Sub = "1000" },
		"dlvrd":       func(r *smpp.Receipt) { r.Dlvrd = "\x00" },
		"submit date": func(r *smpp.Receipt) { r.SubmitDate = "20261124100000" },
		"done date":   func(r *smpp.Receipt) { r.DoneDate = "26 11" },
		"stat":        func(r *smpp.Receipt) { r.Stat = "DELIVERED" },
		"err":         func(r *smpp.Receipt) { r.Err = "0000" },
		"text":        func(r *smpp.Receipt) { r.Text = strings.Repeat("x", 21) },
	} {
		r := wholeReceipt()
		spoil(&r)
		p := smpp.DeliverSM{}
		if err := p.SetReceipt(r); err == nil || !strings.Contains(err.Error(), field+" ") || p.EsmClass != 0 || p.ShortMessage != nil {
			t.Errorf("%s: %v, %+v", field, err, p)
		}
	}
}

// The centre of the reference answers in hexadecimal and reports in decimal.
func TestMessageIDBases(t *testing.T) {
	t.Parallel()
	hex, ok1 := smpp.HexID("C085E0")
	dec, ok2 := smpp.DecimalID("0012617184")
	if !ok1 || !ok2 || hex != dec || dec != 12617184 {
		t.Error(hex, ok1, dec, ok2)
	}
	if low, ok := smpp.HexID("c085e0"); !ok || low != hex {
		t.Error(low, ok)
	}
	for _, id := range []string{"", "C0-85", "0xC0", "-1", "+1", "1_0", "12345678901234567890A"} {
		if n, ok := smpp.DecimalID(id); ok {
			t.Errorf("%q is decimal %d", id, n)
		}
		if n, ok := smpp.HexID(id); ok {
			t.Errorf("%q is hexadecimal %d", id, n)
		}
	}
}

// The type is one of several in four bits, not a bit of its own.
func TestEsmClassTellsReceipts(t *testing.T) {
	t.Parallel()
	for c := range 256 {
		if got, want := smpp.EsmClass(c).IsReceipt(), c>>2&0xF == 1; got != want {
			t.Errorf("0x%02x: %v", c, got)
		}
	}
}

func TestStats(t *testing.T) {
	t.Parallel()
	for s := smpp.StateEnroute; s <= smpp.StateRejected; s++ {
		if len(s.Stat()) != 7 || smpp.ParseStat(strings.ToLower(s.Stat())) != s {
			t.Error(s, s.Stat())
		}
	}
	for name, want := range map[string]smpp.MessageState{
		"": 0, "ODD": 0, "Delivered": smpp.StateDelivered, "UNDELIVERABLE": smpp.StateUndeliverable, "accepted": smpp.StateAccepted,
		"REJECTED": smpp.StateRejected,
	} {
		if got := smpp.ParseStat(name); got != want {
			t.Errorf("%q: %d", name, got)
		}
	}
}

func TestReceiptTime(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("CST", 8*60*60)
	for s, want := range map[string]time.Time{
		"2611241001":   time.Date(2026, 11, 24, 2, 1, 0, 0, time.UTC),
		"261124100159": time.Date(2026, 11, 24, 2, 1, 59, 0, time.UTC),
	} {
		if got, err := smpp.ReceiptTime(s, zone); err != nil || !got.Equal(want) {
			t.Errorf("%s: %v, %v", s, got, err)
		}
	}
	for _, bad := range []string{"", "0000000000", "26112410", "2611241061", "26112410015", "261124100159.5", "20261124100159"} {
		if got, err := smpp.ReceiptTime(bad, zone); err == nil {
			t.Errorf("%q: %v", bad, got)
		}
	}
}

// A peer chooses the text: no shape of it may cost more than its length.
func TestReceiptCostIsLinear(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"text:", "text: ", "text:a ", "id:", "id: id:", "err: ", "submit ", "done   ", "x ", " "} {
		start := time.Now()
		_, _ = smpp.ParseReceipt([]byte(strings.Repeat(s, 1<<20/len(s))))
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("%q over a MiB took %v", s, d)
		}
	}
}

func FuzzParseReceipt(f *testing.F) {
	f.Add([]byte(receiptText))
	f.Add([]byte("text:x ID : 7 submit_date: stat:"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := smpp.ParseReceipt(b)
		if err != nil {
			return
		}
		if len(r.MessageID) > smpp.MaxMessageID || r.MessageID == "" && r.Stat == "" {
			t.Fatalf("%+v", r)
		}
		for _, s := range []string{r.MessageID, r.Sub, r.Dlvrd, r.SubmitDate, r.DoneDate, r.Stat, r.Err} {
			if strings.ContainsAny(s, " \t\r\n\x00") {
				t.Fatalf("%+v", r)
			}
		}
		text, err := r.Append(nil)
		if err != nil {
			return // longer than may be sent
		}
		if again, err := smpp.ParseReceipt(text); err != nil || again != r {
			t.Fatalf("%q: %+v became %+v, %v", text, r, again, err)
		}
	})
}
