package httpapi

import (
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// PortedIn names numbers that are with another carrier than their prefix says.
type PortedIn struct {
	Body struct {
		Numbers []struct {
			To      string      `json:"to" maxLength:"32"`
			Carrier sms.Carrier `json:"carrier" enum:"mobile,unicom,telecom,broadnet"`
		} `json:"numbers" minItems:"1" maxItems:"1000"`
	}
}

// PortedOut counts them.
type PortedOut struct {
	Body struct {
		Stored int `json:"stored"`
	}
}

// adminNumbers registers what is known of numbers.
func (a *API) adminNumbers() {
	a.adminSegments()
	operation(a, ScopeAdmin, huma.Operation{
		OperationID: "put-portability", Method: http.MethodPost, Path: "/v1/admin/portability", Summary: "Numbers that changed their carrier 携号转网", Tags: []string{"admin"},
		Description: "A number given here is sent to by the carrier given here. What waits for it is decided anew.",
	}, func(ctx context.Context, in *PortedIn) (*PortedOut, error) {
		c, out := callerOf(ctx), &PortedOut{}
		if !operatorAdmin(c) {
			return nil, errOperator()
		}
		ids := make([][16]byte, len(in.Body.Numbers))
		for i, x := range in.Body.Numbers {
			n, err := sms.ParseMSISDN(x.To)
			if err == nil && !n.Mainland() {
				err = fmt.Errorf("only numbers of the mainland change between these carriers")
			}
			if err != nil {
				return nil, sms.NumberFault(fmt.Sprintf("body.numbers[%d].to", i), err)
			}
			ids[i] = a.Keys.PhoneID(n)
		}
		err := a.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
			now, err := tx.Now(ctx)
			if err != nil {
				return err
			}
			for i, id := range ids {
				if err := tx.PutPorted(ctx, id, in.Body.Numbers[i].Carrier, now.UnixMilli()); err != nil {
					return err
				}
			}
			out.Body.Stored = len(ids)
			return a.record(ctx, tx, c.key, "portability", 0, out.Body)
		})
		return out, err
	})
}
