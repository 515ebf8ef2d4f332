package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/zhunxin/zhunxin/internal/registry"
)

// table maps a struct with db tags to its rows. It serves the registry, whose
// tables are small and rarely written; hot tables have statements of their own.
type table struct {
	name string
	keys int // leading columns that make the primary key
	cols []string
	path [][]int // of each column's field
}

func tableOf(name string, keys int, sample any) table {
	t := table{name: name, keys: keys}
	t.fields(reflect.TypeOf(sample), nil)
	return t
}

func (t *table) fields(typ reflect.Type, at []int) {
	for i := range typ.NumField() {
		f := typ.Field(i)
		path := append(append([]int(nil), at...), i)
		if f.Anonymous {
			t.fields(f.Type, path)
			continue
		}
		if col := f.Tag.Get("db"); col != "" {
			t.cols = append(t.cols, col)
			t.path = append(t.path, path)
		}
	}
}

// Columns that are NULL when 0, because they refer to another row.
var nullable = map[string]bool{
	"parent_id": true, "payer_id": true, "upstream_id": true, "expires_at": true, "revoked_at": true, "staff_id": true, "document_id": true,
	"decided_by": true,
}

func (t table) args(v reflect.Value) []any {
	out := make([]any, len(t.cols))
	for i, p := range t.path {
		f := v.FieldByIndex(p)
		switch f.Kind() {
		case reflect.Int64, reflect.Int:
			out[i] = f.Int()
			if f.Int() == 0 && nullable[t.cols[i]] {
				out[i] = nil
			}
		case reflect.String:
			out[i] = f.String()
		case reflect.Bool:
			out[i] = int64(0)
			if f.Bool() {
				out[i] = int64(1)
			}
		case reflect.Struct:
			b, err := json.Marshal(f.Interface())
			if err != nil {
				panic(err) // a struct of plain fields always has its JSON
			}
			out[i] = string(b)
		default:
			b := f.Bytes()
			if b == nil {
				b = []byte{}
			}
			out[i] = b
		}
	}
	return out
}

// put inserts the row, or updates what is not its key.
func (t table) put(ctx context.Context, tx *Tx, row any, keep ...string) error {
	var set []string
	for _, c := range t.cols[t.keys:] {
		if !has(keep, c) {
			set = append(set, c+" = excluded."+c)
		}
	}
	query := fmt.Sprintf("INSERT INTO %s(%s) VALUES (%s) ON CONFLICT(%s) DO UPDATE SET %s", t.name, strings.Join(t.cols, ","),
		marks(len(t.cols)), strings.Join(t.cols[:t.keys], ","), strings.Join(set, ", "))
	if err := tx.Exec(ctx, query, t.args(reflect.Indirect(reflect.ValueOf(row)))...); err != nil {
		return fmt.Errorf("store a row of %s: %w", t.name, err)
	}
	return nil
}

// insert stores a new row.
func (t table) insert(ctx context.Context, tx *Tx, row any, tail string) (int, error) {
	n, err := tx.ExecCount(ctx, fmt.Sprintf("INSERT INTO %s(%s) VALUES (%s)%s", t.name, strings.Join(t.cols, ","), marks(len(t.cols)), tail),
		t.args(reflect.Indirect(reflect.ValueOf(row)))...)
	if err != nil {
		return 0, fmt.Errorf("store a row of %s: %w", t.name, err)
	}
	return n, nil
}

func has(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// all reads every row into dest, a pointer to a slice.
func (t table) all(ctx context.Context, tx *Tx, dest any) error {
	return t.some(ctx, tx, dest, "ORDER BY "+strings.Join(t.cols[:t.keys], ","))
}

// some reads the rows that a clause chooses.
func (t table) some(ctx context.Context, tx *Tx, dest any, clause string, args ...any) error {
	list := reflect.ValueOf(dest).Elem()
	sel := make([]string, len(t.cols))
	for i, c := range t.cols {
		sel[i] = c
		if nullable[c] {
			sel[i] = "COALESCE(" + c + ", 0)"
		}
	}
	query := "SELECT " + strings.Join(sel, ",") + " FROM " + t.name + " " + clause
	err := tx.Query(ctx, query, args, func(r *sql.Rows) error {
		row := reflect.New(list.Type().Elem()).Elem()
		ptr := make([]any, len(t.cols))
		flags, docs := map[int]*int64{}, map[int]*string{}
		for i, p := range t.path {
			switch f := row.FieldByIndex(p); f.Kind() {
			case reflect.Bool:
				flags[i] = new(int64)
				ptr[i] = flags[i]
			case reflect.Struct:
				docs[i] = new(string)
				ptr[i] = docs[i]
			default:
				ptr[i] = f.Addr().Interface()
			}
		}
		if err := r.Scan(ptr...); err != nil {
			return err
		}
		for i, v := range docs {
			if err := json.Unmarshal([]byte(*v), row.FieldByIndex(t.path[i]).Addr().Interface()); err != nil {
				return fmt.Errorf("column %s: %w", t.cols[i], err)
			}
		}
		for i, v := range flags {
			row.FieldByIndex(t.path[i]).SetBool(*v != 0)
		}
		list.Set(reflect.Append(list, row))
		return nil
	})
	if err != nil {
		return fmt.Errorf("read %s: %w", t.name, err)
	}
	return nil
}

var (
	tParty    = tableOf("party", 1, registry.Party{})
	tLicence  = tableOf("licence", 1, registry.Licence{})
	tCode     = tableOf("access_code", 1, registry.AccessCode{})
	tPermit   = tableOf("permit", 1, registry.Permit{})
	tRival    = tableOf("rival", 1, registry.Rival{})
	tContract = tableOf("contract", 1, registry.Contract{})
	tSig      = tableOf("signature", 1, registry.Signature{})
	tFiling   = tableOf("signature_filing", 2, registry.Filing{})
	tTFiling  = tableOf("template_filing", 3, registry.TemplateFiling{})
	tContact  = tableOf("contact_filing", 1, registry.ContactFiling{})
	tHost     = tableOf("link_host", 1, registry.LinkHost{})
	tLetter   = tableOf("authorisation", 1, registry.Authorisation{})
	tSubcode  = tableOf("subcode", 1, registry.Subcode{})
	tTemplate = tableOf("template", 1, registry.Template{})
	tVersion  = tableOf("template_version", 2, registry.TemplateVersion{})
	tChannel  = tableOf("channel", 1, registry.Channel{})
	tAccount  = tableOf("account", 1, registry.Account{})
	tApp      = tableOf("application", 1, registry.Application{})
	tKey      = tableOf("api_key", 1, registry.APIKey{})
	tSP       = tableOf("sp_account", 1, registry.SPAccount{})
	tStaff    = tableOf("staff", 1, registry.Staff{})
	tMeasure  = tableOf("measure", 1, registry.Measure{})
	tRulePack = tableOf("rule_pack", 1, registry.RulePack{})
	// A price's key is spread over its columns; see PutPrice.
	tPrice = tableOf("price", 1, registry.Price{})
)

// Registry reads every table of the registry and its generation. The generation
// is read first: a change in between makes the snapshot look older than it is,
// which only costs another read.
func (t *Tx) Registry(ctx context.Context) (*registry.Snapshot, error) {
	generation, err := t.Counter(ctx, counterFacts)
	if err != nil {
		return nil, err
	}
	var all registry.Tables
	for _, x := range []struct {
		t    table
		dest any
	}{
		{tParty, &all.Parties},
		{tLicence, &all.Licences},
		{tCode, &all.AccessCodes},
		{tPermit, &all.Permits},
		{tRival, &all.Rivals},
		{tContract, &all.Contracts},
		{tSig, &all.Signatures},
		{tFiling, &all.Filings},
		{tTFiling, &all.TFilings},
		{tContact, &all.Contacts},
		{tHost, &all.Hosts},
		{tLetter, &all.Authorised},
		{tSubcode, &all.Subcodes},
		{tTemplate, &all.Templates},
		{tVersion, &all.Versions},
		{tChannel, &all.Channels},
		{tAccount, &all.Accounts},
		{tPrice, &all.Prices},
		{tApp, &all.Applications},
		{tKey, &all.Keys},
		{tSP, &all.SPAccounts},
		{tStaff, &all.Staff},
		{tMeasure, &all.Measures},
	} {
		if err := x.t.all(ctx, t, x.dest); err != nil {
			return nil, err
		}
	}
	if all.SegmentTable, err = t.segmentTable(ctx); err != nil {
		return nil, err
	}
	if all.RulePacks, err = t.ActiveRulePacks(ctx); err != nil {
		return nil, err
	}
	return registry.NewSnapshot(generation, all)
}

// Put stores one object of the registry, new or changed, and moves the
// generation. An account's balances are not touched: only the ledger does that.
func (t *Tx) Put(ctx context.Context, object any) error {
	var err error
	switch o := object.(type) {
	case registry.Party:
		err = tParty.put(ctx, t, o, "created_at")
	case registry.Licence:
		err = tLicence.put(ctx, t, o, "created_at")
	case registry.Permit:
		err = tPermit.put(ctx, t, o, "created_at")
	case registry.Rival:
		err = tRival.put(ctx, t, o, "created_at")
	case registry.AccessCode:
		err = tCode.put(ctx, t, o)
	case registry.Contract:
		err = tContract.put(ctx, t, o)
	case registry.Signature:
		err = tSig.put(ctx, t, o, "created_at")
	case registry.Filing:
		err = tFiling.put(ctx, t, o)
	case registry.TemplateFiling:
		err = tTFiling.put(ctx, t, o)
	case registry.ContactFiling:
		err = tContact.put(ctx, t, o)
	case registry.LinkHost:
		err = tHost.put(ctx, t, o)
	case registry.Authorisation:
		err = tLetter.put(ctx, t, o)
	case registry.Subcode:
		err = tSubcode.put(ctx, t, o)
	case registry.Template:
		err = tTemplate.put(ctx, t, o, "created_at")
	case registry.TemplateVersion:
		err = tVersion.put(ctx, t, o)
	case registry.Channel:
		err = tChannel.put(ctx, t, o)
	case registry.Account:
		o.Balance, o.Held = 0, 0
		err = tAccount.put(ctx, t, o, "balance", "held")
	case registry.Price:
		err = t.Exec(ctx, "INSERT INTO price(account_id,category,carrier,unit_price,valid_from) VALUES (?,?,?,?,?)",
			int64(o.AccountID), string(o.Category), string(o.Carrier), int64(o.UnitPrice), o.ValidFrom)
	case registry.Application:
		err = tApp.put(ctx, t, o, "created_at")
	case registry.APIKey:
		err = tKey.put(ctx, t, o, "created_at")
	case registry.SPAccount:
		err = tSP.put(ctx, t, o)
	case registry.Staff:
		err = tStaff.put(ctx, t, o, "created_at")
	case registry.Measure:
		err = tMeasure.put(ctx, t, o)
	default:
		return fmt.Errorf("%T is no object of the registry", object)
	}
	if err != nil {
		return err
	}
	return t.MoveGeneration(ctx)
}
