// Command twilio is a program with Twilio's SDK github.com/twilio/twilio-go for the tests:
// commands come as lines of JSON on stdin, what the SDK gives goes out as lines of JSON on
// stdout. Its transport brings the requests to another host and changes nothing else. It is a
// module of its own, so that the product does not depend on the SDK, and it ends with its stdin.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/twilio/twilio-go"
	"github.com/twilio/twilio-go/client"
	accounts "github.com/twilio/twilio-go/rest/accounts/v1"
	api "github.com/twilio/twilio-go/rest/api/v2010"
)

type command struct {
	Do       string            `json:"do"`
	Host     string            `json:"host"`
	Username string            `json:"username"`
	Password string            `json:"password"`
	Account  string            `json:"account"`
	Headers  map[string]string `json:"headers"`
	SID      string            `json:"sid"`
	To       string            `json:"to"`
	Limit    int               `json:"limit"`
	PageSize int               `json:"page_size"`
	Set      map[string]string `json:"set"`
	Items    []any             `json:"items"`

	URL       string            `json:"url"`
	Params    map[string]string `json:"params"`
	Signature string            `json:"signature"`
}

type answer struct {
	Messages []api.ApiV2010Message `json:"messages,omitempty"`
	Items    any                   `json:"items,omitempty"`
	Valid    bool                  `json:"valid,omitempty"`
	Code     int                   `json:"code,omitempty"`
	Status   int                   `json:"status,omitempty"`
	Error    string                `json:"error,omitempty"`
}

// elsewhere brings requests to a host of the tests.
type elsewhere struct {
	host    string
	headers map[string]string
}

func (e elsewhere) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host = "http", e.host // "https" where there is TLS
	for name, value := range e.headers {
		r.Header.Set(name, value)
	}
	return http.DefaultTransport.RoundTrip(r)
}

func main() {
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var c command
		if err := in.Decode(&c); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			panic(err)
		}
		a, err := c.run()
		var refused *client.TwilioRestError
		if errors.As(err, &refused) {
			a.Code, a.Status = refused.Code, refused.Status
		}
		if err != nil {
			a.Error = err.Error()
		}
		if err := out.Encode(a); err != nil {
			panic(err) // the test is gone
		}
	}
}

func (c *command) run() (a answer, err error) {
	host, username, password, account := c.Host, c.Username, c.Password, c.Account
	transport := elsewhere{host: host}
	transport.headers = c.Headers
	base := &client.Client{
		Credentials: client.NewCredentials(username, password),
		HTTPClient:  &http.Client{Timeout: time.Minute, Transport: transport},
	}
	base.SetAccountSid(account)
	rest := twilio.NewRestClientWithParams(twilio.ClientParams{Client: base})
	var m *api.ApiV2010Message
	switch c.Do {
	case "create":
		m, err = rest.Api.CreateMessage(c.create())
	case "fetch":
		m, err = rest.Api.FetchMessage(c.SID, nil)
	case "cancel":
		p := &api.UpdateMessageParams{}
		m, err = rest.Api.UpdateMessage(c.SID, p.SetStatus("canceled"))
	case "list":
		p := &api.ListMessageParams{}
		p.SetLimit(c.Limit)
		p.SetPageSize(c.PageSize)
		if c.To != "" {
			p.SetTo(c.To)
		}
		a.Messages, err = rest.Api.ListMessage(p)
	case "consents":
		p := &accounts.CreateBulkConsentsParams{}
		var got *accounts.AccountsV1BulkConsents
		if got, err = rest.AccountsV1.CreateBulkConsents(p.SetItems(c.Items)); err == nil {
			a.Items = got.Items
		}
	case "validate":
		v := client.NewRequestValidator(c.Password)
		a.Valid = v.Validate(c.URL, c.Params, c.Signature)
	default:
		err = fmt.Errorf("unknown command %q", c.Do)
	}
	if m != nil {
		a.Messages = []api.ApiV2010Message{*m}
	}
	return a, err
}

// create fills in the parameters that the SDK has setters for.
func (c *command) create() *api.CreateMessageParams {
	p := &api.CreateMessageParams{}
	for name, v := range c.Set {
		switch name {
		case "To":
			p.SetTo(v)
		case "From":
			p.SetFrom(v)
		case "MessagingServiceSid":
			p.SetMessagingServiceSid(v)
		case "Body":
			p.SetBody(v)
		case "ContentSid":
			p.SetContentSid(v)
		case "ContentVariables":
			p.SetContentVariables(v)
		case "StatusCallback":
			p.SetStatusCallback(v)
		case "ScheduleType":
			p.SetScheduleType(v)
		case "SendAt":
			at, err := time.Parse(time.RFC3339, v)
			if err != nil {
				panic(err)
			}
			p.SetSendAt(at)
		case "MediaUrl":
			p.SetMediaUrl([]string{v})
		default:
			panic("the program does not set " + name)
		}
	}
	return p
}
