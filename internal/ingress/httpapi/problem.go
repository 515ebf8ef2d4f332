package httpapi

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/strictjson"
)

// Problem is an RFC 9457 problem document with the catalogue's reason.
type Problem struct {
	Type   string   `json:"type" doc:"page of the reason in the reference"`
	Title  string   `json:"title" doc:"the reason in English"`
	Status int      `json:"status"`
	Detail string   `json:"detail,omitempty" doc:"what exactly, in English"`
	Code   sms.Code `json:"code" doc:"the catalogue's code: the same in every interface"`
	Zh     string   `json:"zh" doc:"原因、位置和处理办法"`
	Field  string   `json:"field,omitempty" doc:"where it was found; of several places the first"`
	Errors []Place  `json:"errors,omitempty" doc:"each place that is wrong"`
}

// Place is one thing that is wrong with a request.
type Place struct {
	Field  string `json:"field"`
	Detail string `json:"detail"`
	Zh     string `json:"zh,omitempty"`
}

// Error implements error.
func (p *Problem) Error() string { return string(p.Code) + ": " + p.Detail }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// newProblem is an error's document.
func newProblem(err *sms.Error) *Problem {
	e := sms.Lookup(err.Code)
	return &Problem{
		Type: "/docs#" + string(err.Code), Title: e.En, Status: e.HTTP, Detail: err.Detail, Code: err.Code, Field: err.Field,
		Zh: e.Zh + said(Place{err.Field, err.Detail, err.Zh}),
	}
}

// said is what stands behind the reason in Chinese: where, and what exactly.
func said(places ...Place) string {
	const most = 3
	var list []string
	for _, p := range places[:min(most, len(places))] {
		switch {
		case p.Field != "" && p.Zh != "":
			list = append(list, p.Field+" "+p.Zh)
		case p.Field != "" || p.Zh != "":
			list = append(list, p.Field+p.Zh)
		}
	}
	if len(list) == 0 {
		return ""
	}
	s := "：" + strings.Join(list, "；")
	if len(places) > most {
		s += fmt.Sprintf("；另有 %d 处，见 errors", len(places)-most)
	}
	return s
}

// problem makes what the framework found wrong into a problem of ours.
func problem(status int, msg string, errs ...error) huma.StatusError {
	code := sms.BadRequest
	switch {
	case status == http.StatusRequestEntityTooLarge:
		code = sms.BodyTooLarge
	case status == http.StatusNotFound:
		code = sms.NotFound
	case status >= 500:
		code = sms.Internal
	}
	var places []Place
	for _, err := range errs {
		var d huma.ErrorDetailer
		switch {
		case errors.As(err, &d):
			place, text := placeOf(d.ErrorDetail())
			if text {
				code, status = sms.BadText, http.StatusUnprocessableEntity
			}
			places = append(places, place)
		case err != nil && status < 500:
			places = append(places, Place{"", err.Error(), inChinese(err.Error())})
		}
	}
	slices.SortStableFunc(places, func(a, b Place) int { return cmp.Compare(a.Field, b.Field) }) // members come in no order
	e := sms.Lookup(code)
	p := &Problem{Type: "/docs#" + string(code), Title: e.En, Status: status, Detail: msg, Code: code, Zh: e.Zh, Errors: places}
	var limit int
	switch {
	case len(places) > 0:
		p.Field, p.Detail, p.Zh = places[0].Field, strings.TrimSpace(places[0].Field+": "+places[0].Detail), e.Zh+said(places...)
	case scan(msg, "request body is too large limit=%d bytes", &limit):
		p.Field, p.Detail, p.Zh = "body", fmt.Sprintf("it may have less than %d bytes; send less at a time", limit), e.Zh+fmt.Sprintf("：须小于 %d 字节，请减少每次提交的内容", limit)
	case status < 500:
		p.Zh += said(Place{"", msg, inChinese(msg)})
	}
	return p
}

func scan(s, format string, into *int) bool {
	_, err := fmt.Sscanf(s, format, into)
	return err == nil
}

// placeOf says where and what in both languages, and whether a text's characters are at fault.
// The framework keeps only the message of what the JSON reader found, so the body is read again.
func placeOf(d *huma.ErrorDetail) (p Place, text bool) {
	var fault *strictjson.Fault
	body, isBody := d.Value.(string)
	switch what, foreign := strings.CutPrefix(d.Message, huma.ErrUnknownContentType.Error()+": "); {
	case foreign:
		return Place{"Content-Type", fmt.Sprintf("write application/json, not %.80s", what), fmt.Sprintf("应为 application/json，而不是 %.80s", what)}, false
	case d.Location == "body" && isBody && errors.As(strictjson.Check([]byte(body), false), &fault):
		return Place{strings.TrimSuffix("body."+fault.Path, "."), fault.En, fault.Zh}, fault.Text()
	}
	p = Place{d.Location, d.Message, inChinese(d.Message)}
	if name, ok := between(d.Message, "expected required property ", " to be present"); ok {
		p.Field += "." + name
	}
	return p, false
}

// jsonFormat reads JSON in one way only: the framework reads a body into an any first, then into
// its type.
var jsonFormat = huma.Format{
	Marshal: huma.DefaultJSONFormat.Marshal,
	Unmarshal: func(data []byte, v any) error {
		if _, first := v.(*any); first {
			if err := strictjson.Check(data, false); err != nil {
				return err
			}
		}
		return json.Unmarshal(data, v)
	},
}

// toProblem gives an error its place in the catalogue. What has none is logged
// and shown as internal, without its text.
func (a *API) toProblem(err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	var known *sms.Error
	if !errors.As(err, &known) {
		a.Logger.Error("request failed", "err", err)
		return newProblem(&sms.Error{Code: sms.Internal})
	}
	p = newProblem(known)
	switch {
	case known.Cause == nil || errors.Is(known.Cause, context.Canceled): // a caller that went away is no fault
	case p.Status < 500: // the caller's fault, not the node's
		a.Logger.Debug("request refused", "code", known.Code, "err", known.Cause)
	default:
		a.Logger.Error("request failed", "code", known.Code, "err", known.Cause)
	}
	return p
}

// Write answers with an error outside of the framework.
func Write(w http.ResponseWriter, err *sms.Error) error {
	p := newProblem(err)
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	return json.NewEncoder(w).Encode(p)
}

// Elsewhere answers what no operation takes: the address is unknown, or the method is.
func Elsewhere(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, here := mux.Handler(r)
		var allowed []string
		for _, method := range []string{http.MethodDelete, http.MethodGet, http.MethodHead, http.MethodPatch, http.MethodPost, http.MethodPut} {
			other := *r
			other.Method = method
			if _, pattern := mux.Handler(&other); pattern != here {
				allowed = append(allowed, method)
			}
		}
		err := sms.Errorf(sms.NotFound, "path", "there is nothing at %.200q; /docs lists the addresses", r.URL.Path).Chinese("没有 %.200q 这一地址，接口列表见 /docs", r.URL.Path)
		if len(allowed) > 0 {
			list := strings.Join(allowed, ", ")
			w.Header().Set("Allow", list)
			err = sms.Errorf(sms.MethodNotAllowed, "method", "%.20q is not one of %s", r.Method, list).Chinese("%.20q 不在其列：%s", r.Method, list)
		}
		_ = Write(w, err) // the peer went away
	})
}
