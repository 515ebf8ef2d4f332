//go:build !v3 && !v4

package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"mime/multipart"
	"net/http"

	sdk "github.com/alibabacloud-go/dysmsapi-20170525/v5/client"
	"github.com/alibabacloud-go/tea/tea"
)

// more are the actions of the newest version: what is asked for and what comes has the wire's names.
func (c *call) more(client *sdk.Client) (told, error) {
	if c.Do == "upload" {
		return c.upload(client)
	}
	actions := map[string]func() (any, error){
		"SubmitSmsQualification":      func() (any, error) { return act(c, client.SubmitSmsQualification) },
		"UpdateSmsQualification":      func() (any, error) { return act(c, client.UpdateSmsQualification) },
		"DeleteSmsQualification":      func() (any, error) { return act(c, client.DeleteSmsQualification) },
		"QuerySmsQualificationRecord": func() (any, error) { return act(c, client.QuerySmsQualificationRecord) },
		"QuerySingleSmsQualification": func() (any, error) { return act(c, client.QuerySingleSmsQualification) },
		"CreateSmsTrademark":          func() (any, error) { return act(c, client.CreateSmsTrademark) },
		"QuerySmsTrademark":           func() (any, error) { return act(c, client.QuerySmsTrademark) },
		"CreateSmsSign":               func() (any, error) { return act(c, client.CreateSmsSign) },
		"GetSmsSign":                  func() (any, error) { return act(c, client.GetSmsSign) },
	}
	run := actions[c.Do]
	if run == nil {
		return told{}, errors.New("unknown call " + c.Do)
	}
	response, err := run()
	if err != nil {
		return told{}, err
	}
	b, err := json.Marshal(response)
	if err != nil {
		return told{}, err
	}
	var with struct {
		Body json.RawMessage `json:"body"`
	}
	return told{}, errors.Join(json.Unmarshal(b, &with), json.Unmarshal(with.Body, &c.said))
}

// act runs one action.
func act[Q, A any](c *call, run func(*Q) (*A, error)) (*A, error) {
	request := new(Q)
	if err := json.Unmarshal(c.Set, request); err != nil {
		return nil, err
	}
	return run(request)
}

// upload sends a file by a form to where the action says, as Aliyun's own pages show it.
func (c *call) upload(client *sdk.Client) (t told, err error) {
	got, err := client.GetQualificationOssInfo(&sdk.GetQualificationOssInfoRequest{BizType: tea.String("dysms")})
	if err != nil {
		return t, err
	}
	d := got.Body.Data
	key := *d.StartPath + "/" + c.Name
	content, err := base64.StdEncoding.DecodeString(c.Content)
	if err != nil {
		return t, err
	}
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	for _, x := range [][2]string{{"key", key}, {"policy", *d.Policy}, {"OSSAccessKeyId", *d.AccessKeyId}, {"success_action_status", "200"}, {"signature", *d.Signature}} {
		if err := form.WriteField(x[0], x[1]); err != nil {
			return t, err
		}
	}
	file, err := form.CreateFormFile("file", c.Name)
	if err != nil {
		return t, err
	}
	if _, err := file.Write(content); err != nil {
		return t, err
	}
	if err := form.Close(); err != nil {
		return t, err
	}
	resp, err := http.Post(*d.Host, form.FormDataContentType(), &b) //nolint:noctx // the test ends the program
	if err != nil {
		return t, err
	}
	if err := resp.Body.Close(); err != nil {
		return t, err
	}
	if resp.StatusCode != http.StatusOK {
		return t, fmt.Errorf("the form was answered with %d", resp.StatusCode)
	}
	return told{Content: key}, nil
}
