package dialect

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // Aliyun's form signature is HMAC-SHA1
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/zhunxin/zhunxin/internal/admission"
	"github.com/zhunxin/zhunxin/internal/document"
	"github.com/zhunxin/zhunxin/internal/review"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/vault"
)

// Limits of files that come by a form.
const (
	maxFile       = 5 << 20 // Aliyun's own
	maxFormField  = 8 << 10
	maxFormFields = 20
	uploadWithin  = 30 * time.Minute // how long a policy is good for
)

// fileName is what Aliyun lets a file be called, behind the party's number.
var fileName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,128}$`)

// uploadPolicy is OSS's, as far as it is honoured: until when a form may be sent, and what must be so.
type uploadPolicy struct {
	Expiration string `json:"expiration"`
	Conditions []any  `json:"conditions"`
}

// startPath is what a party's files are called first.
func startPath(party sms.ID) string { return strconv.FormatInt(party.Short(), 10) }

// policyFor lets a party's files come for a while.
func policyFor(party sms.ID, until time.Time) string {
	b, _ := json.Marshal(uploadPolicy{ // texts and numbers
		Expiration: until.UTC().Format("2006-01-02T15:04:05.000Z"),
		Conditions: []any{[]any{"content-length-range", 1, maxFile}, []any{"starts-with", "$key", startPath(party) + "/"}},
	})
	return base64.StdEncoding.EncodeToString(b)
}

// readPolicy reads when a policy ends. What it demands of the form is demanded of every form here,
// so that any other condition is refused.
func readPolicy(text string) (until time.Time, prefix string, most int64, err error) {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return until, "", 0, errors.New("the policy is no Base64")
	}
	var p uploadPolicy
	if err := decodeJSON(b, &p); err != nil {
		return until, "", 0, fmt.Errorf("the policy is no JSON as it should be: %w", err)
	}
	if until, err = time.Parse(time.RFC3339, p.Expiration); err != nil {
		return until, "", 0, errors.New("the policy does not say when it ends")
	}
	most = maxFile
	for _, c := range p.Conditions {
		list, ok := c.([]any)
		if !ok || len(list) != 3 {
			return until, "", 0, errors.New("the policy has a condition that is not known here")
		}
		switch {
		case list[0] == "content-length-range":
			n, ok := list[2].(json.Number)
			if !ok {
				return until, "", 0, errors.New("content-length-range has two numbers")
			}
			size, err := n.Int64()
			if err != nil || size < 0 {
				return until, "", 0, errors.New("content-length-range has two numbers")
			}
			most = min(most, size)
		case list[0] == "starts-with" && list[1] == "$key":
			if prefix, ok = list[2].(string); !ok {
				return until, "", 0, errors.New("starts-with has a text")
			}
		default:
			return until, "", 0, errors.New("the policy has a condition that is not known here")
		}
	}
	return until, prefix, most, nil
}

// policySignature is what OSS has a form signed with.
func policySignature(secret, policy string) string {
	m := hmac.New(sha1.New, []byte(secret))
	m.Write([]byte(policy))
	return base64.StdEncoding.EncodeToString(m.Sum(nil))
}

// aliyunForm is what a file is sent with. The actions give it under two names.
type aliyunForm struct {
	AccessKeyID string `json:"AccessKeyId" xml:"AccessKeyId"`
	Expire      int64  `json:",omitempty" xml:",omitempty"`
	ExpireTime  string `json:",omitempty" xml:",omitempty"`
	Host        string
	Policy      string
	Signature   string
	StartPath   string
}

// form lets the caller's party send files to this host.
func (s *Server) form(ctx context.Context, r *request) (*aliyunForm, error) {
	if err := s.once(ctx, r); err != nil {
		return nil, err
	}
	secret, err := s.Keys.Open(vault.PurposeLogin, r.who.Key.Secret)
	if err != nil {
		return nil, &sms.Error{Code: sms.Internal, Cause: err}
	}
	until := s.Clock().Add(uploadWithin)
	f := &aliyunForm{AccessKeyID: r.Key, Expire: until.Unix(), Host: "http://" + r.http.Host, Policy: policyFor(r.who.App.PartyID, until), StartPath: startPath(r.who.App.PartyID)}
	if r.http.TLS != nil || r.http.Header.Get("X-Forwarded-Proto") == "https" { // who lies in it misleads nobody else
		f.Host = "https://" + r.http.Host
	}
	f.Signature = policySignature(string(secret), f.Policy)
	return f, nil
}

func aliyunQualificationForm(ctx context.Context, s *Server, r *request) (any, error) {
	f, err := s.form(ctx, r)
	return &aliyunData[*aliyunForm]{Data: f}, err
}

func aliyunFileForm(ctx context.Context, s *Server, r *request) (any, error) {
	f, err := s.form(ctx, r)
	if err != nil {
		return nil, err
	}
	f.Expire, f.ExpireTime = 0, strconv.FormatInt(f.Expire, 10)
	return &struct {
		aliyunReply
		Model   *aliyunForm
		Success bool
	}{Model: f, Success: true}, nil
}

// formLike tells whether a request is a file's form: the SDKs' own requests are signed elsewhere.
func formLike(r *http.Request) bool {
	return r.Method == http.MethodPost && r.URL.RawQuery == "" && r.Header.Get("Authorization") == "" && strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/form-data")
}

// aliyunPost is OSS's answer to a form that asks for one.
type aliyunPost struct {
	XMLName  xml.Name `xml:"PostResponse"`
	Bucket   string
	Location string
	Key      string
	ETag     string
}

// upload takes a file that comes by a form, as OSS's PostObject does. It is held, sealed, until an
// application says what it is.
func (s *Server) upload(w http.ResponseWriter, r *request) {
	d, fields, err := s.uploaded(w, r)
	if err != nil {
		s.log(r, err)
		refuseForm(w, r, err)
		return
	}
	status, err := strconv.Atoi(fields["success_action_status"])
	if err != nil || status != http.StatusOK && status != http.StatusCreated {
		status = http.StatusNoContent
	}
	etag := fmt.Sprintf(`"%X"`, d.SHA256[:16])
	w.Header().Set("ETag", etag)
	w.Header().Set("X-Oss-Request-Id", r.id)
	if status != http.StatusCreated {
		w.WriteHeader(status)
		return
	}
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_ = xml.NewEncoder(w).Encode(aliyunPost{Bucket: startPath(d.PartyID), Location: r.http.Host + "/" + d.Name, Key: d.Name, ETag: etag}) // the caller went away
}

// refuseForm says in OSS's way why a form is not taken.
func refuseForm(w http.ResponseWriter, r *request, err error) {
	known := &sms.Error{Code: sms.Internal}
	errors.As(err, &known)
	code, status := "InvalidArgument", http.StatusBadRequest
	switch known.Code {
	case sms.Unauthenticated:
		code, status = "InvalidAccessKeyId", http.StatusForbidden
	case sms.SignatureWrong:
		code, status = "SignatureDoesNotMatch", http.StatusForbidden
	case sms.BodyTooLarge:
		code = "EntityTooLarge"
	case sms.Forbidden, sms.ClockSkew, sms.KeyExpired, sms.AddressNotAllowed:
		code, status = "AccessDenied", http.StatusForbidden
	default:
		if is := sms.Lookup(known.Code).HTTP; is >= http.StatusInternalServerError || is == http.StatusTooManyRequests {
			code, status = "ServiceUnavailable", http.StatusServiceUnavailable
		}
	}
	w.Header().Set(headerCode, string(known.Code))
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_ = xml.NewEncoder(w).Encode(aliyunFault{RequestID: r.id, HostID: r.http.Host, Code: code, Message: message(known, true), Recommend: "/docs#" + string(known.Code)}) // the caller went away
}

func (s *Server) uploaded(w http.ResponseWriter, r *request) (d document.Document, fields map[string]string, err error) {
	until := time.Now().Add(s.ScanTimeout)
	c := http.NewResponseController(w)
	if err := errors.Join(c.SetReadDeadline(until), c.SetWriteDeadline(until.Add(time.Minute))); err != nil {
		return d, nil, &sms.Error{Code: sms.Internal, Cause: err}
	}
	// The file is the last field, so that nothing of it is read before it is known whose it is.
	r.http.Body = http.MaxBytesReader(w, r.http.Body, maxFile+2*maxFormField*maxFormFields)
	parts, err := r.http.MultipartReader()
	if err != nil {
		return d, nil, sms.Errorf(sms.BadRequest, "body", "it is no form: %s", err)
	}
	fields, file, err := formFields(parts)
	if err != nil {
		return d, nil, err
	}
	most, err := s.admitForm(r, fields)
	if err != nil {
		return d, nil, err
	}
	by, err := review.AuthorOf(r.who.Snap, r.who.Key)
	if err != nil {
		return d, nil, err
	}
	d = document.Document{PartyID: r.who.App.PartyID, Name: fields["key"], KeyID: by.Key, StaffID: by.Staff}
	d, err = s.shelf.Save(r.http.Context(), d, &bounded{file, most})
	return d, fields, err
}

// bounded reads so much and no more, and fails on more.
type bounded struct {
	r    io.Reader
	left int64
}

var errOversize = sms.Errorf(sms.BodyTooLarge, "file", "a file has at most %d MiB", maxFile>>20)

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, errOversize
	}
	return n, err
}

// formFields reads a form's fields up to its file, which is its last. Names are compared without
// regard to case, as OSS does.
func formFields(parts *multipart.Reader) (fields map[string]string, file io.Reader, err error) {
	fields = map[string]string{}
	for range maxFormFields {
		p, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return nil, nil, sms.Errorf(sms.BadRequest, "file", "the form has no file")
		}
		if err != nil {
			return nil, nil, sms.Errorf(sms.BadRequest, "body", "it is no form: %s", err)
		}
		name := strings.ToLower(p.FormName())
		if name == "file" {
			return fields, p, nil
		}
		b, err := io.ReadAll(io.LimitReader(p, maxFormField+1))
		if err != nil {
			return nil, nil, sms.Errorf(sms.BadRequest, "body", "it did not come whole")
		}
		if _, twice := fields[name]; twice || name == "" || len(b) > maxFormField {
			return nil, nil, sms.Errorf(sms.BadRequest, "body", "the field %.40q stands twice, has no name or is too long", name)
		}
		fields[name] = string(b)
	}
	return nil, nil, sms.Errorf(sms.BadRequest, "body", "the form has more than %d fields", maxFormFields)
}

// admitForm proves whose form it is, and that its policy lets the file come.
func (s *Server) admitForm(r *request, fields map[string]string) (most int64, err error) {
	snap, err := s.Gate.Snapshot(r.http.Context())
	if err != nil {
		return 0, &sms.Error{Code: sms.StoreUnavailable, Cause: err}
	}
	key := snap.Key(vault.HashAccessID(fields["ossaccesskeyid"]))
	if key == nil {
		return 0, sms.Errorf(sms.Unauthenticated, "OSSAccessKeyId", "there is no such key")
	}
	secret, err := s.Keys.Open(vault.PurposeLogin, key.Secret)
	if err != nil {
		return 0, &sms.Error{Code: sms.Internal, Cause: err}
	}
	if !hmac.Equal([]byte(policySignature(string(secret), fields["policy"])), []byte(fields["signature"])) {
		return 0, sms.Errorf(sms.SignatureWrong, "Signature", "it is not that of the policy")
	}
	if r.who, err = s.Guard.Admit(snap, key, r.http.RemoteAddr, admission.Apply, http.MethodPost); err != nil {
		return 0, err
	}
	until, prefix, most, err := readPolicy(fields["policy"])
	if err != nil {
		return 0, sms.Errorf(sms.BadRequest, "policy", "%s", err)
	}
	if now := s.Clock(); !now.Before(until) || until.After(now.Add(2*uploadWithin)) {
		return 0, sms.Errorf(sms.ClockSkew, "policy", "it ended at %s, or lasts too long: ask for another", until.UTC().Format(time.RFC3339))
	}
	rest, own := strings.CutPrefix(fields["key"], startPath(r.who.App.PartyID)+"/")
	if !own || !strings.HasPrefix(fields["key"], prefix) || !fileName.MatchString(rest) {
		return 0, sms.Errorf(sms.Forbidden, "key", "it is StartPath, / and a name of letters, digits, dots, dashes and underscores")
	}
	return most, nil
}
