package dialect

import (
	"context"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// tencentConversion tells that whoever got a code has entered it. It is kept with the message,
// as the sender's word: the first one counts.
func tencentConversion(ctx context.Context, s *Server, r *request) (any, error) {
	var in struct {
		SmsSdkAppID    string `json:"SmsSdkAppId"`
		SerialNo       string
		ConversionTime number
	}
	if err := r.take(&in); err != nil {
		return nil, err
	}
	if err := r.application(in.SmsSdkAppID); err != nil {
		return nil, err
	}
	id, err := sms.ParseID(in.SerialNo)
	if err != nil {
		return nil, sms.Errorf(sms.BadRequest, "SerialNo", "it is none of SendSms")
	}
	at := int64(in.ConversionTime) * 1000
	out := &struct {
		ReportConversionStatus struct{ Code, Message string }
		tencentMeta
	}{}
	out.ReportConversionStatus.Code, out.ReportConversionStatus.Message = "ok", "ok"
	err = s.change(ctx, r, r.tencentKey(), nil, out, func(ctx context.Context, tx Tx) error {
		list, err := tx.Messages(ctx, []sms.ID{id}, false)
		switch {
		case err != nil:
			return err
		case len(list) == 0 || list[0].ApplicationID != r.who.App.ID:
			return sms.Errorf(sms.NotFound, "SerialNo", "you sent no message of this number")
		case list[0].Category != sms.OTP:
			return sms.Errorf(sms.BadRequest, "SerialNo", "it was no verification code")
		case at < list[0].CreatedAt/1000*1000 || at > s.Now().UnixMilli():
			return sms.Errorf(sms.BadRequest, "ConversionTime", "it is between the message and now, in seconds since 1970")
		}
		return tx.Convert(ctx, id, at)
	})
	return out, err
}
