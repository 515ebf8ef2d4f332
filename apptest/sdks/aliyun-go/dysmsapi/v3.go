//go:build v3

// Package dysmsapi is the version of the SDK that the program is built with.
package dysmsapi

import (
	"errors"

	"github.com/alibabacloud-go/dysmsapi-20170525/v3/client"
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

// Options are those of one call; this version takes no headers.
func Options(headers map[string]*string) (*util.RuntimeOptions, error) {
	if len(headers) > 0 {
		return nil, errors.New("version 3 of the SDK takes no headers")
	}
	return &util.RuntimeOptions{}, nil
}
