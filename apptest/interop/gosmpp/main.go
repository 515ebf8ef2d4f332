// Command gosmpp is an SMPP client of github.com/linxGnu/gosmpp for the tests: commands
// come as lines of JSON on stdin, what happens goes out as lines of JSON on stdout, in
// the words of node/peer.js. It is a module of its own, so that the product does not
// depend on the library, and it ends with its stdin.
package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/linxGnu/gosmpp"
	"github.com/linxGnu/gosmpp/data"
	"github.com/linxGnu/gosmpp/pdu"
)

type command struct {
	Do       string `json:"do"`
	Port     int    `json:"port"`
	SystemID string `json:"system_id"`
	Password string `json:"password"`
	From     string `json:"from"`
	To       string `json:"to"`
	Text     string `json:"text"`
	Receipt  bool   `json:"receipt"`
	ID       string `json:"id"`
}

type event struct {
	Event     string `json:"event"`
	Command   string `json:"command,omitempty"`
	Status    int32  `json:"command_status"`
	Sequence  int32  `json:"sequence_number,omitempty"`
	MessageID string `json:"message_id,omitempty"`
	From      string `json:"source_addr,omitempty"`
	To        string `json:"destination_addr,omitempty"`
	EsmClass  byte   `json:"esm_class,omitempty"`
	Text      string `json:"text,omitempty"`
	UDH       string `json:"udh,omitempty"`
	Receipted string `json:"receipted_message_id,omitempty"`
	State     byte   `json:"message_state,omitempty"`
}

// client holds the one session.
type client struct {
	mu      sync.Mutex // of stdout
	session *gosmpp.Session
}

func (c *client) say(e event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := json.NewEncoder(os.Stdout).Encode(e); err != nil {
		panic(err) // the test is gone
	}
}

// got tells of a PDU as the library decoded it.
func (c *client) got(p pdu.PDU) {
	h := p.GetHeader()
	e := event{Event: "pdu", Status: int32(h.CommandStatus), Sequence: h.SequenceNumber}
	switch p := p.(type) {
	case *pdu.SubmitSMResp:
		e.Command, e.MessageID = "submit_sm_resp", p.MessageID
	case *pdu.QuerySMResp:
		e.Command = "query_sm_resp"
	case *pdu.GenericNack:
		e.Command = "generic_nack"
	case *pdu.EnquireLink:
		e.Command = "enquire_link"
	case *pdu.Unbind:
		e.Command = "unbind"
	case *pdu.UnbindResp:
		e.Command = "unbind_resp"
	case *pdu.DeliverSM:
		e.Command, e.EsmClass = "deliver_sm", p.EsmClass
		e.From, e.To = p.SourceAddr.Address(), p.DestAddr.Address()
		text, err := p.Message.GetMessage()
		if err != nil {
			text = err.Error()
		}
		e.Text = text
		if u := p.Message.UDH(); u != nil {
			if b, err := u.MarshalBinary(); err == nil {
				e.UDH = hex.EncodeToString(b)
			}
		}
		if f, ok := p.OptionalParameters[pdu.TagReceiptedMessageID]; ok {
			e.Receipted = f.String()
		}
		if f, ok := p.OptionalParameters[pdu.TagMessageStateOption]; ok && len(f.Data) == 1 {
			e.State = f.Data[0]
		}
	default:
		e.Command = fmt.Sprintf("%T", p)
	}
	c.say(e)
}

func (c *client) bind(cmd command) error {
	auth := gosmpp.Auth{SMSC: fmt.Sprintf("127.0.0.1:%d", cmd.Port), SystemID: cmd.SystemID, Password: cmd.Password}
	settings := gosmpp.Settings{
		ReadTimeout: time.Minute,
		OnAllPDU: func(p pdu.PDU) (pdu.PDU, bool) {
			c.got(p)
			_, quit := p.(*pdu.Unbind)
			if p.CanResponse() {
				return p.GetResponse(), quit
			}
			return nil, quit
		},
		OnReceivingError: func(err error) { c.say(event{Event: "error", Text: err.Error()}) },
		OnSubmitError:    func(_ pdu.PDU, err error) { c.say(event{Event: "error", Text: err.Error()}) },
		OnClosed:         func(s gosmpp.State) { c.say(event{Event: "closed", Text: s.String()}) },
	}
	session, err := gosmpp.NewSession(gosmpp.TRXConnector(gosmpp.NonTLSDialer, auth), settings, 0)
	var refused gosmpp.BindError
	switch {
	case errors.As(err, &refused):
		c.say(event{Event: "refused", Status: int32(refused.CommandStatus)})
		return nil
	case err != nil:
		return err
	}
	c.session = session
	c.say(event{Event: "bound", Text: session.Transceiver().SystemID()})
	return nil
}

// submit sends a text as UCS2, in as many parts as the library makes of it.
func (c *client) submit(cmd command) error {
	p := pdu.NewSubmitSM().(*pdu.SubmitSM) //nolint:forcetypeassert // the library's own constructor
	p.SourceAddr = address(5, 0, cmd.From)
	p.DestAddr = address(1, 1, cmd.To)
	if cmd.Receipt {
		p.RegisteredDelivery = 1
	}
	if err := p.Message.SetLongMessageWithEnc(cmd.Text, data.UCS2); err != nil {
		return err
	}
	parts, err := p.Split()
	if err != nil {
		return err
	}
	for _, part := range parts {
		part.AssignSequenceNumber()
		if err := c.session.Transceiver().Submit(part); err != nil {
			return err
		}
	}
	return nil
}

func (c *client) query(cmd command) error {
	p := pdu.NewQuerySM().(*pdu.QuerySM) //nolint:forcetypeassert // the library's own constructor
	p.MessageID = cmd.ID
	p.SourceAddr = address(0, 0, cmd.From)
	return c.session.Transceiver().Submit(p)
}

func address(ton, npi byte, number string) pdu.Address {
	a := pdu.NewAddress()
	a.SetTon(ton)
	a.SetNpi(npi)
	if err := a.SetAddress(number); err != nil {
		panic(err)
	}
	return a
}

func (c *client) do(cmd command) error {
	switch cmd.Do {
	case "bind":
		return c.bind(cmd)
	case "submit":
		return c.submit(cmd)
	case "query":
		return c.query(cmd)
	case "unbind":
		return c.session.Close()
	default:
		return fmt.Errorf("no such command: %q", cmd.Do)
	}
}

func main() {
	var c client
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		var cmd command
		err := json.Unmarshal(in.Bytes(), &cmd)
		if err == nil {
			err = c.do(cmd)
		}
		if err != nil {
			c.say(event{Event: "error", Text: err.Error()})
		}
	}
}
