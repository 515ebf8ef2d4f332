package dialect

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/review"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// Limits of marks, in characters: those of a signature's fields.
const (
	maxMark         = 50
	maxRegistration = 64
	maxHolder       = 200
	maxStoreAddress = 500
	maxMarksAsked   = 100
)

// markText checks the texts that tell of a mark, each of which is needed: name, number, holder and
// one more.
func markText(p map[string]string, name, number, holder, more string) error {
	for _, x := range []struct {
		field string
		most  int
	}{{name, maxMark}, {number, maxRegistration}, {holder, maxHolder}, {more, maxStoreAddress}} {
		if bad := words(x.field, p[x.field], 1, x.most); bad != nil {
			return bad
		}
	}
	return nil
}

// tell stores a mark with its scan, and answers its number.
func (s *Server) tell(ctx context.Context, r *request, m *registry.Mark, scan paper, missing string) (any, error) {
	if _, err := review.AuthorOf(r.who.Snap, r.who.Key); err != nil {
		return nil, err
	}
	now := s.Now().UnixMilli()
	if m.To != 0 && m.To <= now {
		return nil, sms.Errorf(sms.BadRequest, scan.field, "its protection has ended")
	}
	if scan.name == "" {
		return nil, sms.Errorf(sms.BadRequest, scan.field, "the name of a file that came before is needed")
	}
	m.ID, m.PartyID, m.CreatedAt = s.IDs.Next(), r.who.App.PartyID, now
	out := &aliyunData[string]{}
	return out, s.change(ctx, r, r.aliyunKey(), nil, out, func(ctx context.Context, tx Tx) error {
		if err := tx.LockReviews(ctx); err != nil { // nobody counts the same meanwhile
			return err
		}
		list, err := tx.Marks(ctx, m.PartyID)
		if err != nil {
			return err
		}
		if len(list) >= registry.MaxMarks {
			return sms.Errorf(sms.BadRequest, scan.field, "a party tells of at most %d trademarks and apps", registry.MaxMarks)
		}
		d, err := s.file(ctx, tx, r, []paper{scan})
		var known *sms.Error
		if errors.As(err, &known) && known.Code == sms.NotFound {
			return fault(known, missing, http.StatusBadRequest)
		}
		if err != nil {
			return err
		}
		m.DocumentID, out.Data = d.ID, strconv.FormatInt(m.ID.Short(), 10)
		return tx.PutMark(ctx, m)
	})
}

func aliyunNewTrademark(ctx context.Context, s *Server, r *request) (any, error) {
	p := r.Params
	if err := markText(p, "TrademarkName", "TrademarkRegistrationNumber", "TrademarkApplicantName", "TrademarkEffExpDate"); err != nil {
		return nil, err
	}
	period, err := aliyunPeriod(p, "TrademarkEffExpDate")
	if err != nil {
		return nil, err
	}
	m := &registry.Mark{Source: registry.Trademark, Name: p["TrademarkName"], Registration: p["TrademarkRegistrationNumber"], Holder: p["TrademarkApplicantName"], Period: period}
	return s.tell(ctx, r, m, paper{"TrademarkPic", p["TrademarkPic"], "trademark", period.To}, "TrademarkOssFileNotUploadError")
}

func aliyunNewApp(ctx context.Context, s *Server, r *request) (any, error) {
	p := r.Params
	if err := markText(p, "AppServiceName", "AppIcpLicenseNumber", "AppPrincipalUnitName", "Domain"); err != nil {
		return nil, err
	}
	at, err := time.ParseInLocation(time.DateOnly, p["AppApprovalDate"], rulebook.Shanghai)
	if err != nil {
		return nil, sms.Errorf(sms.BadRequest, "AppApprovalDate", "it is a day like 2025-09-01")
	}
	if u, err := url.Parse(p["Domain"]); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return nil, sms.Errorf(sms.BadRequest, "Domain", "it is the app's address in a store, with http or https")
	}
	m := &registry.Mark{
		Source: registry.App, Name: p["AppServiceName"], Registration: p["AppIcpLicenseNumber"], Holder: p["AppPrincipalUnitName"], Address: p["Domain"], Period: registry.Period{From: at.UnixMilli()},
	}
	return s.tell(ctx, r, m, paper{"AppIcpRecordPic", p["AppIcpRecordPic"], "app_record", 0}, "AppIcpRecordOssFileNotUploadError")
}

// marksAsked are the caller's marks of some numbers; those that are none are left out.
func (s *Server) marksAsked(ctx context.Context, r *request, field, source string, each func(m *registry.Mark, scan string)) error {
	var numbers []int64
	if err := decodeJSON([]byte(r.Params[field]), &numbers); err != nil || len(numbers) == 0 || len(numbers) > maxMarksAsked {
		return sms.Errorf(sms.BadRequest, field, "it is a JSON list of 1 to %d numbers", maxMarksAsked)
	}
	if err := s.once(ctx, r); err != nil {
		return err
	}
	return s.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		list, err := tx.Marks(ctx, r.who.App.PartyID)
		if err != nil {
			return err
		}
		for _, m := range list {
			if m.Source != source || !slices.Contains(numbers, m.ID.Short()) {
				continue
			}
			d, err := tx.Document(ctx, m.DocumentID)
			if err != nil {
				return err
			}
			each(m, d.Name)
		}
		return nil
	})
}

type aliyunTrademark struct {
	TrademarkID                 int64 `json:"TrademarkId" xml:"TrademarkId"`
	TrademarkName               string
	TrademarkRegistrationNumber string
	TrademarkApplicantName      string
	TrademarkEffExpDate         string
	TrademarkPic                string
}

func aliyunTrademarks(ctx context.Context, s *Server, r *request) (any, error) {
	out := &aliyunData[[]aliyunTrademark]{Data: []aliyunTrademark{}}
	return out, s.marksAsked(ctx, r, "TrademarkIdList", registry.Trademark, func(m *registry.Mark, scan string) {
		out.Data = append(out.Data, aliyunTrademark{m.ID.Short(), m.Name, m.Registration, m.Holder, shown(m.Period), scan})
	})
}

type aliyunApp struct {
	AppIcpRecordID       int64 `json:"AppIcpRecordId" xml:"AppIcpRecordId"`
	AppServiceName       string
	AppIcpLicenseNumber  string
	AppPrincipalUnitName string
	AppApprovalDate      string
	AppIcpRecordPic      string
	Domain               string
}

func aliyunApps(ctx context.Context, s *Server, r *request) (any, error) {
	out := &aliyunData[[]aliyunApp]{Data: []aliyunApp{}}
	return out, s.marksAsked(ctx, r, "AppIcpRecordIdList", registry.App, func(m *registry.Mark, scan string) {
		at := time.UnixMilli(m.From).In(rulebook.Shanghai).Format(time.DateOnly)
		out.Data = append(out.Data, aliyunApp{m.ID.Short(), m.Name, m.Registration, m.Holder, at, scan, m.Address})
	})
}

// marked reads the number of the mark that an application for a signature rests on, 0 for none.
func marked(p map[string]string, source string) (number int64, err error) {
	for _, x := range [][2]string{{"TrademarkId", registry.Trademark}, {"AppIcpRecordId", registry.App}} {
		v := p[x[0]]
		if v == "" || v == "0" {
			continue
		}
		if number, err = strconv.ParseInt(v, 10, 64); err != nil || x[1] != source {
			return 0, sms.Errorf(sms.BadRequest, x[0], "it is a number, and SignSource is 5 for a trademark and 2 for an app")
		}
	}
	return number, nil
}

// rest finds the mark that a signature rests on, and puts it down with the application.
func (in *signing) rest(ctx context.Context, s *Server, tx Tx, party sms.ID) error {
	if in.number == 0 {
		return nil
	}
	list, err := tx.Marks(ctx, party)
	if err != nil {
		return err
	}
	for _, m := range list {
		switch {
		case m.ID.Short() != in.number || m.Source != in.source:
		case m.To != 0 && m.To <= s.Now().UnixMilli():
			return sms.Errorf(sms.BadRequest, "TrademarkId", "its protection has ended")
		default:
			in.mark = m
			return nil
		}
	}
	return as(sms.Errorf(sms.NotFound, "TrademarkId, AppIcpRecordId", "you have told of none of this number"), "isv.INVALID_PARAMETERS", "")
}

// markOf is the number of what a signature rests on, if it was told of by these actions.
func (s *Server) markOf(ctx context.Context, x *registry.Signature) (trademark, app int64, err error) {
	if x.Registration == "" {
		return 0, 0, nil
	}
	err = s.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		list, err := tx.Marks(ctx, x.PartyID)
		i := slices.IndexFunc(list, func(m *registry.Mark) bool {
			return m.Source == x.Source && m.Registration == x.Registration && m.Name == x.Mark
		})
		switch {
		case i < 0:
		case x.Source == registry.Trademark:
			trademark = list[i].ID.Short()
		default:
			app = list[i].ID.Short()
		}
		return err
	})
	return trademark, app, err
}
