package dialect

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

const (
	wallTime = "2006-01-02 15:04:05" // in Asia/Shanghai
	maxSent  = 1000                  // messages to one number that a query looks at
)

func wall(ms int64) string { return time.UnixMilli(ms).In(rulebook.Shanghai).Format(wallTime) }

// sent is a message to a number with what its carrier said.
type sent struct {
	*sms.Message
	stat     string
	reported int64
}

// sentTo lists the application's messages to a number within a span, newest first.
func (s *Server) sentTo(ctx context.Context, r *request, number sms.MSISDN, from, to time.Time) (out []sent, err error) {
	err = s.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		list, err := tx.SentTo(ctx, s.Keys.PhoneID(number), r.who.Snap.Party[r.who.App.PartyID].GroupID, from.UnixMilli()-1, maxSent)
		if err != nil {
			return err
		}
		var ids []sms.ID
		for _, e := range list {
			if e.At < to.UnixMilli() {
				ids = append(ids, e.MessageID)
			}
		}
		messages, err := tx.Messages(ctx, ids, false)
		if err != nil {
			return err
		}
		out = out[:0]
		for _, m := range messages {
			if m.ApplicationID == r.who.App.ID {
				out = append(out, sent{Message: m})
			}
		}
		return reported(ctx, tx, out)
	})
	slices.SortFunc(out, func(a, b sent) int { return int(b.CreatedAt - a.CreatedAt) })
	return out, err
}

// reported adds the last report of each message.
func reported(ctx context.Context, tx interface {
	SegmentsOf(ctx context.Context, ids []sms.ID, each func(sms.Segment)) error
}, list []sent,
) error {
	at := map[sms.ID]*sent{}
	var ids []sms.ID
	for i := range list {
		at[list[i].ID] = &list[i]
		ids = append(ids, list[i].ID)
	}
	return tx.SegmentsOf(ctx, ids, func(g sms.Segment) {
		if x := at[g.MessageID]; x != nil && g.ReportAt >= x.reported {
			x.stat, x.reported = g.Stat, g.ReportAt
		}
	})
}

// ended tells whether a message is delivered, or will not be.
func ended(s sms.State) (delivered, failed bool) {
	switch s {
	case sms.Delivered:
		return true, false
	case sms.Failed, sms.Expired, sms.Refused, sms.Cancelled, sms.Unknown:
		return false, true
	}
	return false, false
}

// errCode is what the carrier or the platform says of a message.
func (x *sent) errCode() string {
	switch delivered, _ := ended(x.State); {
	case delivered:
		return "DELIVERED"
	case x.stat != "":
		return x.stat
	case x.Reason != "":
		return x.Reason
	}
	return string(x.Code)
}

type aliyunDetail struct {
	PhoneNum     string
	SendStatus   int // 1 waits, 2 failed, 3 delivered
	ErrCode      string
	TemplateCode string
	Content      string
	SendDate     string
	ReceiveDate  string
	OutID        string `json:"OutId" xml:"OutId"`
}

type aliyunDetailList struct {
	aliyunReply
	TotalCount        int
	SmsSendDetailDTOs struct {
		SmsSendDetailDTO []aliyunDetail
	}
}

// page reads the number of a page and its size.
func page(p map[string]string, size, number string, most int) (from, n int, err error) {
	n, at := 10, 1
	for _, x := range []struct {
		name string
		into *int
		most int
	}{{size, &n, most}, {number, &at, 1 << 20}} {
		if p[x.name] == "" {
			continue
		}
		if *x.into, err = strconv.Atoi(p[x.name]); err != nil || *x.into < 1 || *x.into > x.most {
			return 0, 0, sms.Errorf(sms.BadRequest, x.name, "it is a number of 1 to %d", x.most)
		}
	}
	return (at - 1) * n, n, nil
}

func cut[T any](list []T, from, n int) []T {
	from = min(from, len(list))
	return list[from:min(len(list), from+n)]
}

const aliyunDays = 30 // that a query may look back

func aliyunDetails(ctx context.Context, s *Server, r *request) (any, error) {
	p := r.Params
	number, err := sms.ParseMSISDN(p["PhoneNumber"])
	if err != nil {
		return nil, sms.Errorf(sms.BadNumber, "PhoneNumber", "%s", err)
	}
	day, err := time.ParseInLocation(dayForm, p["SendDate"], rulebook.Shanghai)
	if err != nil || s.Now().Sub(day) > (aliyunDays+1)*24*time.Hour {
		return nil, sms.Errorf(sms.BadRequest, "SendDate", "it is a day like 20261123, at most %d days back", aliyunDays)
	}
	from, n, err := page(p, "PageSize", "CurrentPage", 50)
	if err != nil {
		return nil, err
	}
	if err := s.once(ctx, r); err != nil {
		return nil, err
	}
	list, err := s.sentTo(ctx, r, number, day, day.AddDate(0, 0, 1))
	if err != nil {
		return nil, err
	}
	if want := p["BizId"]; want != "" {
		list = slices.DeleteFunc(list, func(x sent) bool { biz, _ := bizOf(x.Ref); return biz != want })
	}
	out := &aliyunDetailList{TotalCount: len(list)}
	out.SmsSendDetailDTOs.SmsSendDetailDTO = []aliyunDetail{}
	for _, x := range cut(list, from, n) {
		out.SmsSendDetailDTOs.SmsSendDetailDTO = append(out.SmsSendDetailDTOs.SmsSendDetailDTO, aliyunDetailOf(r.who.Snap, &x, p["PhoneNumber"]))
	}
	return out, nil
}

// aliyunDetailOf tells of a message. Its content is the template's wording: what was filled in
// is the recipient's, and is shown to nobody without a reason (PRV-16).
func aliyunDetailOf(snap *registry.Snapshot, x *sent, number string) aliyunDetail {
	_, outID := bizOf(x.Ref)
	d := aliyunDetail{PhoneNum: number, SendStatus: 1, TemplateCode: aliyunTemplate + strconv.FormatInt(x.TemplateID.Short(), 10), SendDate: wall(x.CreatedAt), OutID: outID}
	delivered, failed := ended(x.State)
	switch {
	case delivered:
		d.SendStatus = 3
	case failed:
		d.SendStatus = 2
	}
	if delivered || failed {
		d.ErrCode = x.errCode()
		if x.reported != 0 {
			d.ReceiveDate = wall(x.reported)
		}
	}
	if sig, w := snap.Signature[x.SignatureID], snap.Wording(x.TemplateID); sig != nil && w != nil {
		d.Content = "【" + sig.Text + "】" + w.Version.Body
	}
	return d
}
