package registry

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// Bounds of a filing sheet: it is submitted, and its answer applied, in one transaction.
const (
	MaxSheetRows       = 10_000
	MaxSheetSignatures = 500
)

// SheetRow is a line of a filing sheet: a signature under one source number with one wording.
type SheetRow struct {
	Filing    *Filing // nil: none yet
	Signature *Signature
	Party     *Party
	Source    string // access code and sub-code
	Template  *Template
	Wording   *TemplateVersion

	Representative, Handler string // names, if they are on file
}

// Reference names a signature's filing at a carrier in a sheet, and in the answer to it.
func Reference(batch, signature sms.ID) string {
	return "ZX-" + batch.String() + "-" + signature.String()
}

// Sheet lists what is to be filed with a carrier: approved signatures with a sub-code there
// whose filing has not been submitted yet; or what was submitted as a batch.
func (s *Snapshot) Sheet(c sms.Carrier, batch sms.ID) (rows []SheetRow) {
	signatures := make([]*Signature, 0, len(s.Signature))
	for _, x := range s.Signature {
		f := s.Filing(x.ID, c)
		fresh := batch == 0 && x.State == Approved && (f == nil || f.State == Draft)
		if fresh || batch != 0 && f != nil && f.Batch == batch {
			signatures = append(signatures, x)
		}
	}
	slices.SortFunc(signatures, func(a, b *Signature) int { return cmp.Compare(a.ID, b.ID) })
	n := 0
	for _, x := range signatures {
		more := s.sheetRows(c, x)
		if n == MaxSheetSignatures || len(rows) > 0 && len(rows)+len(more) > MaxSheetRows {
			break // the rest is for the next sheet
		}
		if len(more) > 0 {
			n++
		}
		rows = append(rows, more...)
	}
	return rows
}

func (s *Snapshot) sheetRows(c sms.Carrier, x *Signature) (rows []SheetRow) {
	for _, sub := range s.bySig[x.ID] {
		code := s.AccessCode[sub.AccessCodeID]
		if code == nil || code.Carrier != c {
			continue
		}
		row := SheetRow{Filing: s.Filing(x.ID, c), Signature: x, Party: s.Party[x.PartyID], Source: code.Code + sub.Digits}
		if len(s.wordings[x.PartyID]) == 0 {
			rows = append(rows, row)
		}
		for _, w := range s.wordings[x.PartyID] {
			row.Template, row.Wording = w.Template, w.Version
			rows = append(rows, row)
		}
	}
	return rows
}

var sheetColumns = []string{
	"报备编号 reference", "主体名称 party", "统一社会信用代码 uscc", "主体类型 entity_type", "法定代表人 representative", "经办人 handler", "签名 signature", "签名来源 source", "商标或App名称 mark", "注册号或备案号 registration",
	"端口号 source_number", "短信类别 category", "模板 template",
}

// Words of the sheet for what the platform has codes for.
var sheetWords = map[string]string{
	"company": "企业", "individual": "个体工商户", "institution": "事业单位", "government": "国家机关", "social": "社会组织",
	CompanyFull: "企业全称", CompanyShort: "企业简称", Trademark: "商标", App: "App", "site": "网站（存量）",
	string(sms.OTP): "验证码", string(sms.Notice): "通知", string(sms.MKT): "营销", string(sms.Public): "公益",
}

func sheetWord(s string) string { return cmp.Or(sheetWords[s], s) }

// WriteSheet writes rows as carriers take them: CSV in UTF-8 with a byte order mark, so that
// Excel reads it. No cell is taken for a formula.
func WriteSheet(w io.Writer, batch sms.ID, rows []SheetRow) error {
	if _, err := io.WriteString(w, "\ufeff"); err != nil {
		return err
	}
	out := csv.NewWriter(w)
	out.UseCRLF = true
	if err := out.Write(sheetColumns); err != nil {
		return err
	}
	for i := range rows {
		r := &rows[i]
		cells := []string{
			Reference(batch, r.Signature.ID), r.Party.Name, r.Party.USCC, sheetWord(r.Party.EntityType), r.Representative, r.Handler, r.Signature.Text, sheetWord(r.Signature.Source),
			r.Signature.Mark, r.Signature.Registration, r.Source, "", "",
		}
		if r.Template != nil {
			cells[11], cells[12] = sheetWord(string(r.Template.Category)), r.Wording.Body
		}
		for i := range cells {
			cells[i] = plainCell(cells[i])
		}
		if err := out.Write(cells); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// plainCell keeps a spreadsheet from reading a text as a formula.
func plainCell(s string) string {
	s = strings.NewReplacer("\r", " ", "\n", " ", "\t", " ", "\x00", "").Replace(s)
	if r, _ := utf8.DecodeRuneInString(strings.TrimLeft(s, " ")); strings.ContainsRune("=+-@＝＋－＠|%", r) && s != "" {
		return "'" + s
	}
	return s
}

// FilingAnswer is a line of a carrier's answer.
type FilingAnswer struct {
	Row       int    `json:"row"` // of the file, from 1; the head is 1
	Reference string `json:"reference,omitempty"`
	Signature string `json:"signature,omitempty"`
	Result    string `json:"result,omitempty"`
	Reason    string `json:"reason,omitempty"` // code
	Note      string `json:"note,omitempty"`
	Period
	Err string `json:"error,omitempty"` // why it can't be read, or applied
}

// MaxAnswerBytes bounds the file of an answer.
const MaxAnswerBytes = 4 << 20

var answerColumns = map[string]string{
	"报备编号": "reference", "reference": "reference", "签名": "signature", "signature": "signature", "审核结果": "result", "结果": "result", "result": "result",
	"原因": "reason", "驳回原因": "reason", "reason": "reason", "生效日期": "from", "valid_from": "from", "失效日期": "to", "有效期至": "to", "valid_to": "to",
}

var answerResults = map[string]string{
	"通过": Approved, "审核通过": Approved, "成功": Approved, "approved": Approved, "pass": Approved,
	"不通过": Rejected, "审核不通过": Rejected, "驳回": Rejected, "失败": Rejected, "rejected": Rejected, "注销": Revoked, "撤销": Revoked, "revoked": Revoked,
}

// ReadAnswers reads a carrier's answer: CSV in UTF-8 or GB18030 with a head that names at
// least the result and the reference or the signature. A file that is no such table is an
// error; a line that can't be read says so.
func ReadAnswers(b []byte, zone *time.Location) ([]FilingAnswer, error) {
	if len(b) > MaxAnswerBytes {
		return nil, sms.Errorf(sms.BodyTooLarge, "body", "an answer has at most %d bytes", MaxAnswerBytes)
	}
	if b = bytes.TrimPrefix(b, []byte("\ufeff")); !utf8.Valid(b) {
		decoded, err := simplifiedchinese.GB18030.NewDecoder().Bytes(b)
		if err != nil || bytes.ContainsRune(decoded, utf8.RuneError) {
			return nil, sms.Errorf(sms.BadRequest, "body", "it is neither UTF-8 nor GB18030")
		}
		b = decoded
	}
	in := csv.NewReader(bytes.NewReader(b))
	in.FieldsPerRecord, in.LazyQuotes = -1, true
	head, err := in.Read()
	if err != nil {
		return nil, sms.Errorf(sms.BadRequest, "body", "its first line can't be read as CSV")
	}
	at := map[string]int{}
	for i, name := range head {
		for _, word := range append(strings.Fields(name), strings.TrimSpace(name)) {
			if column := answerColumns[strings.ToLower(word)]; column != "" {
				at[column] = i + 1
			}
		}
	}
	if at["result"] == 0 || at["reference"] == 0 && at["signature"] == 0 {
		return nil, sms.Errorf(sms.BadRequest, "body", "its head must name the columns result (审核结果) and reference (报备编号) or signature (签名)")
	}
	var out []FilingAnswer
	for {
		cells, err := in.Read()
		if err == io.EOF { //nolint:errorlint // the reader gives it bare
			return out, nil
		}
		if err != nil {
			return nil, sms.Errorf(sms.BadRequest, "body", "%s", err)
		}
		if len(out) == MaxSheetSignatures {
			return nil, sms.Errorf(sms.BadRequest, "body", "an answer has at most %d lines: import it in parts", MaxSheetSignatures)
		}
		line, _ := in.FieldPos(0)
		if a := readAnswer(cells, at, zone); a != nil {
			a.Row = line
			out = append(out, *a)
		}
	}
}

// readAnswer reads a line; an empty one is nothing.
func readAnswer(cells []string, at map[string]int, zone *time.Location) *FilingAnswer {
	cell := func(name string) string {
		if i := at[name]; i > 0 && i <= len(cells) {
			return strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(cells[i-1]), "'"))
		}
		return ""
	}
	a := &FilingAnswer{Reference: cell("reference"), Signature: strings.Trim(cell("signature"), "【】")}
	result, reason := cell("result"), cell("reason")
	if a.Reference+a.Signature+result+reason == "" {
		return nil
	}
	switch a.Result = answerResults[strings.ToLower(result)]; {
	case a.Reference == "" && a.Signature == "":
		a.Err = "it names no reference and no signature"
	case a.Result == "":
		a.Err = fmt.Sprintf("its result %.20q is none of 通过, 不通过, 注销", result)
	case a.Result != Approved:
		r := FilingReasonOf(reason)
		if a.Reason = r.Code; reason != r.Code && reason != r.Zh {
			a.Note = strings.ToValidUTF8(reason[:min(len(reason), 200)], "")
		}
	}
	for _, x := range []struct {
		name string
		dest *int64
	}{{"from", &a.From}, {"to", &a.To}} {
		if text := cell(x.name); text != "" && a.Err == "" {
			day, err := parseDay(text, zone)
			if err != nil {
				a.Err = err.Error()
				continue
			}
			if x.name == "to" { // it holds on its last day
				day = day.AddDate(0, 0, 1)
			}
			*x.dest = day.UnixMilli()
		}
	}
	return a
}

func parseDay(s string, zone *time.Location) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, "2006/1/2", "20060102", "2006年1月2日"} {
		if t, err := time.ParseInLocation(layout, s, zone); err == nil && t.Year() > 2000 && t.Year() < 2200 {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%.20q is no day like 2026-11-23", s)
}
