//go:build v4

// Package dysmsapi is the version of the SDK that the program is built with.
package dysmsapi

import (
	"github.com/alibabacloud-go/dysmsapi-20170525/v4/client"
	util "github.com/alibabacloud-go/tea-utils/v2/service"
)

// What the program uses of it.
type (
	SendSmsRequest          = client.SendSmsRequest
	SendBatchSmsRequest     = client.SendBatchSmsRequest
	QuerySendDetailsRequest = client.QuerySendDetailsRequest
)

// NewClient makes a client.
var NewClient = client.NewClient

// Options are those of one call: its headers, which the SDK signs.
func Options(headers map[string]*string) (*util.RuntimeOptions, error) {
	return &util.RuntimeOptions{ExtendsParameters: &util.ExtendsParameters{Headers: headers}}, nil
}
