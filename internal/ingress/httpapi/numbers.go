package httpapi

import (
	"context"
	"net/http"

	"github.com/zhunxin/zhunxin/internal/routing"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// SegmentsIn brings a table of number segments.
type SegmentsIn struct {
	Body struct {
		Table []byte `json:"table" maxLength:"4000000" doc:"as zhunxin numbers build makes it"`
	}
}

// SegmentsOut tells which table is in use.
type SegmentsOut struct {
	Body struct {
		Source   string `json:"source"`
		Date     string `json:"date" doc:"of when it is"`
		Segments int    `json:"segments" doc:"whose province is known"`
		Imported bool   `json:"imported" doc:"by the operator; otherwise it is the program's own"`
	}
}

func segmentsOut(s *routing.Segments, imported bool) *SegmentsOut {
	out := &SegmentsOut{}
	out.Body.Source, out.Body.Date, out.Body.Segments, out.Body.Imported = s.Source, s.Date, s.Known(), imported
	return out
}

// adminSegments registers the table that says to which province a number belongs.
func (a *API) adminSegments() {
	operation(a, ScopeAdmin, adminOp("segments", http.MethodGet, "/v1/admin/number-segments", "Which table of number segments is in use 号段表"), func(ctx context.Context, _ *struct{}) (*SegmentsOut, error) {
		c := callerOf(ctx)
		if !operatorAdmin(c) {
			return nil, errOperator()
		}
		s, err := a.Gate.Segments(ctx)
		if err != nil {
			return nil, err
		}
		return segmentsOut(s, c.snap.SegmentTable != 0), nil
	})
	in := adminOp("import-segments", http.MethodPut, "/v1/admin/number-segments", "Import a table of number segments 导入号段表")
	in.Description = "It stands in the place of the program's own on all nodes. `zhunxin numbers import` makes and sends it."
	operation(a, ScopeAdmin, in, a.importSegments)
	operation(a, ScopeAdmin, adminOp("drop-segments", http.MethodDelete, "/v1/admin/number-segments", "Go back to the program's own table 恢复内置号段表"), func(ctx context.Context, _ *struct{}) (*struct{}, error) {
		c := callerOf(ctx)
		if !operatorAdmin(c) {
			return nil, errOperator()
		}
		return nil, a.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
			if err := tx.DropSegmentTable(ctx); err != nil {
				return err
			}
			return a.record(ctx, tx, c.key, "drop number segments", 0, "")
		})
	})
}

func (a *API) importSegments(ctx context.Context, in *SegmentsIn) (*SegmentsOut, error) {
	c := callerOf(ctx)
	if !operatorAdmin(c) {
		return nil, errOperator()
	}
	s, err := routing.DecodeSegments(in.Body.Table)
	if err != nil {
		return nil, sms.Errorf(sms.BadRequest, "body.table", "%s", err)
	}
	id := a.IDs.Next()
	return segmentsOut(s, true), a.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		if err := tx.PutSegmentTable(ctx, id, now.UnixMilli(), in.Body.Table); err != nil {
			return err
		}
		return a.record(ctx, tx, c.key, "import number segments", id, in.Body)
	})
}
