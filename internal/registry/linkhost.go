package registry

import (
	"regexp"
	"strings"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// LinkHost 短链域名 is a host of a domain that the party itself has filed, under which short
// links to that domain's pages stand (TPL-10). The host's address records point to this platform.
type LinkHost struct {
	ID      sms.ID `db:"id" json:"id,omitempty"`
	PartyID sms.ID `db:"party_id" json:"party_id"`
	Host    string `db:"host" json:"host" maxLength:"100" doc:"such as s.shop.example; short links begin with it"`
	Domain  string `db:"domain" json:"domain" maxLength:"100" doc:"the filed domain that the host is of: links lead to its pages only"`
	Record  string `db:"record" json:"record" minLength:"5" maxLength:"64" doc:"ICP备案号 of the domain"`
	Filer   string `db:"filer" json:"filer" minLength:"1" maxLength:"200" doc:"主办单位: whom the record names, which is the party"`
	State   string `db:"state" json:"state" enum:"active,revoked"`
}

var hostName = regexp.MustCompile(`^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]$`)

// Fits checks a host before it is stored.
func (h *LinkHost) Fits(snap *Snapshot) error {
	p := snap.Party[h.PartyID]
	switch {
	case p == nil:
		return sms.Errorf(sms.NotFound, "body.party_id", "there is no such party")
	case !hostName.MatchString(h.Host) || !hostName.MatchString(h.Domain):
		return sms.Errorf(sms.BadRequest, "body.host, body.domain", "write names of hosts in small letters, without scheme and port")
	case !within(h.Host, h.Domain):
		return sms.Errorf(sms.BadRequest, "body.host", "it is not of the domain %s", h.Domain)
	case h.Filer != p.Name:
		return sms.Errorf(sms.LinkForbidden, "body.filer", "the record names %s, the party is %s: links are of the sender's own domain (TPL-10)", h.Filer, p.Name)
	}
	if old := snap.LinkHost(h.Host); old != nil && old.ID != h.ID {
		return sms.Errorf(sms.BadRequest, "body.host", "it is registered as %s", old.ID)
	}
	for _, old := range snap.hosts {
		if old.ID == h.ID && (old.PartyID != h.PartyID || old.Host != h.Host || old.Domain != h.Domain) {
			return sms.Errorf(sms.BadRequest, "body", "links stand under it: register another, and revoke this one")
		}
	}
	return nil
}

func within(host, domain string) bool { return host == domain || strings.HasSuffix(host, "."+domain) }

func byHost(list []LinkHost) map[string]*LinkHost {
	out := make(map[string]*LinkHost, len(list))
	for i := range list {
		out[list[i].Host] = &list[i]
	}
	return out
}

// LinkHost is the host of short links of a name, or nil.
func (s *Snapshot) LinkHost(name string) *LinkHost { return s.hosts[name] }

// LinkHostFor is the party's host for links to pages of another host, or nil. Of several it is
// that of the closest domain.
func (s *Snapshot) LinkHostFor(party sms.ID, host string) *LinkHost {
	var best *LinkHost
	for _, h := range s.hosts {
		closer := best == nil || len(h.Domain) > len(best.Domain) || len(h.Domain) == len(best.Domain) && h.ID > best.ID
		if h.PartyID == party && h.State == Active && within(host, h.Domain) && h.Host != host && closer {
			best = h
		}
	}
	return best
}
