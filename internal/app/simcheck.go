package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"time"

	jointcheck "github.com/zhunxin/zhunxin/internal/lab/check"
)

// SimCheck runs protocol checks against somebody else's gateway or client.
type SimCheck struct {
	Protocol string `help:"cmpp20, cmpp30, sgip, smgp30, smgp13 or smpp." required:""`
	Target   string `help:"The gateway to check, host:port."`
	Listen   string `help:"In place of a target: where the client to check connects, host:port."`
	Login    string `help:"The account's login."`
	Secret   string `help:"The account's secret." env:"ZHUNXIN_CHECK_SECRET"`

	Source string   `help:"Access code that the account may send from." default:"10690000"`
	Dest   string   `help:"Handset of the test, eleven digits; it may get the messages." default:"17000000001"`
	Spread int      `help:"Over how many numbers, from dest on, submits are spread; platforms limit what one handset gets." default:"1"`
	Text   string   `help:"Text to submit, with the signature and of the template that a platform wants; a few words of ASCII without it."`
	Window int      `help:"Submits that may be unanswered." default:"16"`
	Only   []string `help:"Ids of checks; without it all are made."`
	List   bool     `help:"List the checks and make none."`
	JSON   bool     `help:"Print JSON." name:"json"`
	Lang   string   `help:"Titles in zh or en." enum:"zh,en" default:"zh"`

	Timeout    time.Duration `help:"For one answer." default:"5s"`
	ReportWait time.Duration `help:"For a status report." default:"15s"`
	MOWait     time.Duration `help:"For a message from a handset, sent by hand meanwhile; 0 leaves it out." name:"mo-wait"`
	IdleWait   time.Duration `help:"SGIP: for the end of an idle connection; 0 leaves it out."`
	ReturnWait time.Duration `help:"For a client to come, or to come back." default:"30s"`
	Hold       time.Duration `help:"How long answers are kept from a client to see its window." default:"2s"`
	SimControl string        `help:"Control endpoint of a simulator that is checked, such as http://127.0.0.1:7892: it is asked for a message from a handset."`

	Node       uint32 `help:"SGIP: our node number." default:"3010000001"`
	CorpID     string `help:"SGIP: our enterprise code." default:"00001" name:"corp-id"`
	BackListen string `help:"SGIP: where we take the gateway's reports, host:port, as agreed with it."`
	BackTarget string `help:"SGIP: where the client to check takes reports, host:port."`
	BackLogin  string `help:"SGIP: login on that way; without it the account's."`
	BackSecret string `help:"SGIP: secret on that way; without it the account's."`
}

// errChecksFailed makes the command's status 1.
var errChecksFailed = errors.New("checks failed")

// Run makes the checks and prints their verdicts.
func (s *SimCheck) Run(ctx context.Context) error { return s.run(ctx, os.Stdout) }

func (s *SimCheck) options() jointcheck.Options {
	o := jointcheck.Options{
		Protocol: jointcheck.Protocol(s.Protocol), Target: s.Target, Listen: s.Listen, Login: s.Login, Secret: s.Secret, Source: s.Source, Dest: s.Dest, Text: s.Text, Spread: s.Spread,
		Window: s.Window, Only: s.Only, Timeout: s.Timeout, ReportWait: s.ReportWait, MOWait: s.MOWait, IdleWait: s.IdleWait, Return: s.ReturnWait, Hold: s.Hold,
		Node: s.Node, CorpID: s.CorpID, BackListen: s.BackListen, BackTarget: s.BackTarget, BackLogin: s.BackLogin, BackSecret: s.BackSecret,
	}
	if s.SimControl != "" {
		o.AskMO = s.askMO
	}
	return o
}

func (s *SimCheck) run(ctx context.Context, out io.Writer) error {
	o := s.options()
	if s.List {
		if !slices.Contains(jointcheck.Protocols(), o.Protocol) {
			return fmt.Errorf("protocol is %.10q: choose one of %v", s.Protocol, jointcheck.Protocols())
		}
		for _, r := range jointcheck.All(o.Protocol, s.Listen != "") {
			if _, err := fmt.Fprintf(out, "%-24s %s  [%s]\n", r.ID, s.title(r), r.Section); err != nil {
				return err
			}
		}
		return nil
	}
	var written error
	each := func(r jointcheck.Result) {
		if s.JSON || written != nil {
			return
		}
		_, written = fmt.Fprintf(out, "%-9s %-24s %s  [%s]\n          %s\n", r.Verdict, r.ID, s.title(r), r.Section, r.Seen)
	}
	checks := jointcheck.Gateway
	if s.Listen != "" {
		checks = jointcheck.Client
	}
	results, err := checks(ctx, o, each)
	if len(results) > 0 { // also of what a stop has cut short
		written = errors.Join(written, s.summary(out, results))
	}
	err = errors.Join(err, written)
	if err == nil && jointcheck.Failed(results) {
		err = errChecksFailed
	}
	return err
}

func (s *SimCheck) title(r jointcheck.Result) string {
	if s.Lang == "en" {
		return r.EN
	}
	return r.ZH
}

func (s *SimCheck) summary(out io.Writer, results []jointcheck.Result) error {
	if s.JSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(results)
	}
	count := map[jointcheck.Verdict]int{}
	for _, r := range results {
		count[r.Verdict]++
	}
	_, err := fmt.Fprintf(out, "%s: %d pass, %d tolerated, %d fail, %d skipped\n", s.Protocol, count[jointcheck.Pass], count[jointcheck.Tolerated], count[jointcheck.Fail], count[jointcheck.Skipped])
	return err
}

// askMO has a simulator send a message from a handset.
func (s *SimCheck) askMO(ctx context.Context) error {
	body, err := json.Marshal(map[string]string{"from": s.Dest, "to": s.Source, "text": "联调"})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.SimControl+"/mo", bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusNoContent {
		err = fmt.Errorf("the simulator did not send it: %s", resp.Status)
	}
	return errors.Join(err, resp.Body.Close())
}
