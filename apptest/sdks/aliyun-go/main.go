// Command aliyun-go drives Aliyun's Go SDK: it takes calls in lines of JSON and tells in lines
// of JSON what the SDK gave. Built without tags it has version 5 of it, with the tag v3 or v4
// and the go.mod of that name those.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"log"
	"os"

	openapi "github.com/alibabacloud-go/darabonba-openapi/v2/client"
	"github.com/alibabacloud-go/tea/tea"

	"github.com/zhunxin/zhunxin/apptest/sdks/aliyun-go/dysmsapi"
)

// call is what the tests ask for.
type call struct {
	Do, Endpoint, ID, Secret string
	To, Sign, Template       string
	Params, OutID, Biz, Day  string
	Headers                  map[string]*string
	Algorithm                string

	Set           json.RawMessage // of an action that is called by its name
	Name, Content string          // of a file

	said json.RawMessage
}

// told is what the SDK gave: Thrown is the code of an error.
type told struct {
	Code    string `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
	Biz     string `json:"biz,omitempty"`
	Thrown  string `json:"thrown,omitempty"`
	Total   int64  `json:"total,omitempty"`
	Status  int64  `json:"status,omitempty"`
	ErrCode string `json:"err_code,omitempty"`
	OutID   string `json:"out_id,omitempty"`
	Content string `json:"content,omitempty"`

	Said json.RawMessage `json:"said,omitempty"` // of an action that was called by its name
}

func main() {
	out := json.NewEncoder(os.Stdout)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		var c call
		if err := json.Unmarshal(in.Bytes(), &c); err != nil {
			log.Fatal(err)
		}
		t, err := c.run()
		t.Said = c.said
		if err != nil {
			t = told{Thrown: err.Error()}
			var fault *tea.SDKError
			if errors.As(err, &fault) {
				t = told{Thrown: tea.StringValue(fault.Code), Message: tea.StringValue(fault.Message)}
			}
		}
		if err := out.Encode(t); err != nil {
			log.Fatal(err)
		}
	}
}

func (c *call) run() (t told, err error) {
	endpoint, id, secret, template := c.Endpoint, c.ID, c.Secret, c.Template
	client, err := dysmsapi.NewClient(&openapi.Config{
		AccessKeyId:        tea.String(id),
		AccessKeySecret:    tea.String(secret),
		Endpoint:           tea.String(endpoint), // host:port
		Protocol:           tea.String("http"),   // only where there is no TLS
		SignatureAlgorithm: c.algorithm(),
	})
	if err != nil {
		return t, err
	}
	switch c.Do {
	case "send":
		options, err := dysmsapi.Options(c.Headers)
		if err != nil {
			return t, err
		}
		response, err := client.SendSmsWithOptions(&dysmsapi.SendSmsRequest{
			PhoneNumbers:  tea.String(c.To),
			SignName:      tea.String(c.Sign),
			TemplateCode:  tea.String(template),
			TemplateParam: tea.String(c.Params),
			OutId:         tea.String(c.OutID),
		}, options)
		if err != nil {
			return t, err
		}
		b := response.Body
		return told{Code: tea.StringValue(b.Code), Message: tea.StringValue(b.Message), Biz: tea.StringValue(b.BizId)}, nil
	case "batch":
		response, err := client.SendBatchSms(&dysmsapi.SendBatchSmsRequest{
			PhoneNumberJson:   tea.String(c.To),
			SignNameJson:      tea.String(c.Sign),
			TemplateCode:      tea.String(template),
			TemplateParamJson: tea.String(c.Params),
		})
		if err != nil {
			return t, err
		}
		b := response.Body
		return told{Code: tea.StringValue(b.Code), Message: tea.StringValue(b.Message), Biz: tea.StringValue(b.BizId)}, nil
	case "details":
		response, err := client.QuerySendDetails(&dysmsapi.QuerySendDetailsRequest{
			PhoneNumber: tea.String(c.To),
			BizId:       tea.String(c.Biz),
			SendDate:    tea.String(c.Day),
			PageSize:    tea.Int64(10),
			CurrentPage: tea.Int64(1),
		})
		if err != nil {
			return t, err
		}
		b := response.Body
		t = told{Code: tea.StringValue(b.Code), Message: tea.StringValue(b.Message)}
		for _, d := range b.SmsSendDetailDTOs.SmsSendDetailDTO {
			t.Total++
			t.Status, t.ErrCode, t.OutID, t.Content = tea.Int64Value(d.SendStatus), tea.StringValue(d.ErrCode), tea.StringValue(d.OutId), tea.StringValue(d.Content)
		}
		return t, nil
	}
	return c.more(client)
}

// algorithm is the SDK's own unless another is asked for.
func (c *call) algorithm() *string {
	if c.Algorithm == "" {
		return nil
	}
	return tea.String(c.Algorithm)
}
