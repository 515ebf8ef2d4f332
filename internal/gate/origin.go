package gate

import (
	"context"
	"net/netip"
	"time"

	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/vault"
)

// Origin says where the request of a customer's end user for a verification code came from, as
// keyed hashes; zeros where the customer said nothing.
type Origin struct{ IP, Device, Account [16]byte }

// How long what came from an origin is looked at.
const (
	OriginKept = time.Hour   // numbers
	originRush = time.Minute // codes
)

// originIP is the part of an address that tells whose it is: of IPv6 the network.
func originIP(text string) (string, error) {
	ip, err := netip.ParseAddr(text)
	if err != nil {
		return "", sms.Errorf(sms.BadRequest, "body.origin.ip", "it is no address like 192.0.2.7 or 2001:db8::7").Chinese("应为 IP 地址，如 192.0.2.7 或 2001:db8::7")
	}
	if ip = ip.Unmap().WithZone(""); ip.Is6() {
		return netip.PrefixFrom(ip, 64).Masked().String(), nil
	}
	return ip.String(), nil
}

// Origin hashes what a customer says of an end user. Addresses are those of all customers'
// users, devices and accounts are a customer's own.
func (g *Gate) Origin(party sms.ID, ip, device, account string) (o Origin, err error) {
	hash := func(kind, of string) (id [16]byte) {
		h := g.keys.PayloadHash([]byte("origin/" + kind + "/" + of))
		copy(id[:], h[:])
		return id
	}
	if ip != "" {
		if ip, err = originIP(ip); err != nil {
			return o, err
		}
		o.IP = hash("ip", ip)
	}
	if device != "" {
		o.Device = hash("device", party.String()+"/"+device)
	}
	if account != "" {
		o.Account = hash("account", party.String()+"/"+account)
	}
	return o, nil
}

// at tells numbers apart at one origin, and nowhere else.
func at(keys *vault.Keys, origin, phone [16]byte) (id [16]byte) {
	h := keys.PayloadHash(append(origin[:], phone[:]...))
	copy(id[:], h[:])
	return id
}

// ids are those that are known.
func (o *Origin) ids() (out [][16]byte) {
	for _, id := range [][16]byte{o.IP, o.Device, o.Account} {
		if id != ([16]byte{}) {
			out = append(out, id)
		}
	}
	return out
}

// readOrigins reads what codes went out on requests from the origins of the calls.
func (f *people) readOrigins(ctx context.Context, b *batchRun, live []int) error {
	f.origins = map[[16]byte][]sms.OriginEvent{}
	var ids [][16]byte
	for _, i := range live {
		ids = append(ids, b.jobs[i].call.Origin.ids()...)
	}
	return b.tx.OriginEvents(ctx, ids, b.now.Add(-OriginKept).UnixMilli(), func(e sms.OriginEvent) { f.origins[e.Origin] = append(f.origins[e.Origin], e) })
}

// fillOrigin sets what is known of where the request for a code came from (FRQ-07).
func (f *people) fillOrigin(facts *rulebook.Facts, o *Origin, keys *vault.Keys, phone [16]byte, now time.Time) {
	facts.Bool(rulebook.OriginKnown, len(o.ids()) > 0)
	for _, x := range []struct {
		id             [16]byte
		numbers, codes rulebook.Fact
	}{
		{o.IP, rulebook.OriginIPNumbers, rulebook.OriginIPCodes},
		{o.Device, rulebook.OriginDeviceNumbers, rulebook.OriginDeviceCodes},
		{o.Account, rulebook.OriginAccountNumbers, rulebook.OriginAccountCodes},
	} {
		numbers, codes, own := map[[16]byte]bool{}, 0, at(keys, x.id, phone)
		for _, e := range f.origins[x.id] {
			if e.Number != own {
				numbers[e.Number] = true
			}
			if e.At > now.Add(-originRush).UnixMilli() {
				codes++
			}
		}
		facts.Int(x.numbers, len(numbers))
		facts.Int(x.codes, codes)
	}
}

// noteOrigin keeps that a code goes out, for the next ones.
func (b *batchRun) noteOrigin(p *part, m *sms.Message) {
	if m.Category != sms.OTP {
		return
	}
	for _, id := range p.job.call.Origin.ids() {
		e := sms.OriginEvent{Origin: id, At: b.now.UnixMilli(), MessageID: m.ID, Number: at(b.g.keys, id, m.PhoneID)}
		b.origins = append(b.origins, e)
		b.facts.origins[id] = append(b.facts.origins[id], e)
	}
}
