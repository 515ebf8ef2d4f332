package httpapi

import (
	"bytes"
	"encoding/json"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// docs is a reference page that needs no network: one file, made from the same
// description that /openapi.json serves.
func (a *API) docs(w http.ResponseWriter, _ *http.Request) {
	var b bytes.Buffer
	if err := page.Execute(&b, a.reference()); err != nil {
		a.Logger.Error("the reference page", "err", err)
		http.Error(w, "the reference page could not be made; /openapi.json says the same", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	if _, err := w.Write(b.Bytes()); err != nil {
		a.Logger.Debug("write the reference page", "err", err)
	}
}

type entry struct {
	ID, Method, Path, Summary, Description, Request, Response string
	Params                                                    []*huma.Param
}

type reference struct {
	Title, About string
	Entries      []entry
	Codes        []sms.Entry
}

func (a *API) reference() reference {
	doc := a.huma.OpenAPI()
	r := reference{Title: doc.Info.Title, About: doc.Info.Description, Codes: sms.Catalogue()}
	for _, path := range sorted(doc.Paths) {
		item := doc.Paths[path]
		for _, x := range []struct {
			method string
			op     *huma.Operation
		}{{"GET", item.Get}, {"POST", item.Post}, {"PUT", item.Put}, {"DELETE", item.Delete}} {
			if x.op == nil {
				continue
			}
			e := entry{ID: x.op.OperationID, Method: x.method, Path: path, Summary: x.op.Summary, Description: x.op.Description, Params: x.op.Parameters}
			if x.op.RequestBody != nil {
				e.Request = a.schema(x.op.RequestBody.Content)
			}
			if ok := x.op.Responses["200"]; ok != nil {
				e.Response = a.schema(ok.Content)
			}
			r.Entries = append(r.Entries, e)
		}
	}
	return r
}

func sorted(m map[string]*huma.PathItem) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.SortFunc(out, func(a, b string) int {
		if x, y := strings.Contains(a, "/admin/"), strings.Contains(b, "/admin/"); x != y {
			if x {
				return 1
			}
			return -1
		}
		return strings.Compare(a, b)
	})
	return out
}

// schema prints a body's fields as an indented outline.
func (a *API) schema(content map[string]*huma.MediaType) string {
	media := content["application/json"]
	if media == nil || media.Schema == nil {
		return ""
	}
	var b strings.Builder
	a.outline(&b, media.Schema, "", 0)
	return b.String()
}

const maxDepth = 5

func (a *API) outline(b *strings.Builder, s *huma.Schema, indent string, depth int) {
	s = a.resolve(s)
	if s == nil || depth > maxDepth {
		return
	}
	if s.Type == huma.TypeArray {
		a.outline(b, s.Items, indent, depth)
		return
	}
	names := make([]string, 0, len(s.Properties))
	for n := range s.Properties {
		if n != "$schema" {
			names = append(names, n)
		}
	}
	slices.SortFunc(names, func(x, y string) int {
		if p, q := slices.Contains(s.Required, x), slices.Contains(s.Required, y); p != q {
			if p {
				return -1
			}
			return 1
		}
		return strings.Compare(x, y)
	})
	for _, n := range names {
		f := a.resolve(s.Properties[n])
		kind, inner := f.Type, f
		if f.Type == huma.TypeArray && f.Items != nil {
			inner = a.resolve(f.Items)
			kind = inner.Type + "[]"
		}
		b.WriteString(indent + n + " " + kind)
		if slices.Contains(s.Required, n) {
			b.WriteString(", required")
		}
		if len(inner.Enum) > 0 {
			if e, err := json.Marshal(inner.Enum); err == nil {
				b.WriteString(" " + string(e))
			}
		}
		if f.Description != "" {
			b.WriteString(": " + f.Description)
		}
		b.WriteByte('\n')
		a.outline(b, inner, indent+"    ", depth+1)
	}
}

func (a *API) resolve(s *huma.Schema) *huma.Schema {
	if s != nil && s.Ref != "" {
		return a.huma.OpenAPI().Components.Schemas.SchemaFromRef(s.Ref)
	}
	return s
}

var page = template.Must(template.New("docs").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{{.Title}} API</title>
<style>
body{font:16px/1.5 system-ui,"Noto Sans CJK SC",sans-serif;margin:0 auto;max-width:60rem;padding:1rem;color:#222}
code,pre{font:14px/1.45 ui-monospace,monospace}pre{background:#f4f5f7;padding:.75rem;overflow-x:auto;border-radius:4px;white-space:pre-wrap}
h2{margin-top:2.5rem;border-bottom:1px solid #ddd}.m{display:inline-block;min-width:4rem;font-weight:700;color:#0a58ca}
table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #e5e5e5;padding:.3rem .5rem;text-align:left;vertical-align:top}
nav a{display:block;text-decoration:none}
</style></head><body>
<h1>{{.Title}}</h1><p>{{.About}}</p>
<p>Base address: this server. Authenticate with <code>Authorization: Bearer zx_…</code>. Errors are RFC 9457 problems whose
<code>code</code> is one of <a href="#codes">these</a>. Times are epoch milliseconds in answers and RFC 3339 in requests; ids are decimal strings.
The machine-readable description is <a href="/openapi.json">/openapi.json</a>.</p>
<nav>{{range .Entries}}<a href="#{{.ID}}"><code><span class="m">{{.Method}}</span> {{.Path}}</code> {{.Summary}}</a>{{end}}</nav>
{{range .Entries}}<h2 id="{{.ID}}">{{.Summary}}</h2>
<p><code><span class="m">{{.Method}}</span> {{.Path}}</code></p>{{with .Description}}<p>{{.}}</p>{{end}}
{{if .Params}}<table><tr><th>parameter</th><th>in</th><th></th></tr>{{range .Params}}<tr><td><code>{{.Name}}</code></td><td>{{.In}}</td><td>{{.Description}}</td></tr>{{end}}</table>{{end}}
{{with .Request}}<p>Body</p><pre>{{.}}</pre>{{end}}{{with .Response}}<p>Answer</p><pre>{{.}}</pre>{{end}}{{end}}
<h2 id="codes">Codes 错误码</h2>
<table><tr><th>code</th><th>HTTP</th><th>CMPP</th><th>report</th><th>中文</th><th>English</th></tr>
{{range .Codes}}<tr id="{{.Code}}"><td><code>{{.Code}}</code></td><td>{{.HTTP}}</td><td>{{.CMPP}}</td><td><code>{{.Stat}}</code></td><td>{{.Zh}}</td><td>{{.En}}</td></tr>{{end}}</table>
</body></html>`))
