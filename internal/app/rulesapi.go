package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/edition"
	"github.com/zhunxin/zhunxin/internal/ingress/httpapi"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// Remote names a running node. The key comes by the environment alone: arguments are
// seen by everybody on the machine.
type Remote struct {
	URL string `help:"Address of the node's API; the key is read from ZHUNXIN_KEY." default:"http://127.0.0.1:8080" name:"url"`
}

const (
	remotePatience = 2 * time.Minute // a trial runs every scenario
	maxRemote      = 16 << 20
)

// call asks the node and reads its answer, or its problem with every place that it names.
func (r Remote) call(ctx context.Context, method, path string, body, out any) error {
	key := os.Getenv(config.EnvKey)
	if key == "" {
		return fmt.Errorf("put the key of a person of the staff into the environment variable %s", config.EnvKey)
	}
	base, err := url.Parse(r.URL)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" {
		return fmt.Errorf("--url %q is not an address like https://sms.example.com", r.URL)
	}
	var sent io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		sent = bytes.NewReader(b)
	}
	ctx, cancel := context.WithTimeout(ctx, remotePatience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(r.URL, "/")+path, sent)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Content-Type", "application/json")
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("the node sends elsewhere") }}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxRemote))
	if err != nil {
		return err
	}
	if resp.StatusCode == http.StatusOK {
		return json.Unmarshal(answer, out)
	}
	var p httpapi.Problem
	if err := json.Unmarshal(answer, &p); err != nil || p.Code == "" {
		return fmt.Errorf("the node answers %s", resp.Status)
	}
	text := fmt.Sprintf("%s: %s %s", p.Code, p.Zh, p.Title)
	if p.Detail != "" {
		text += ": " + p.Detail
	}
	for _, e := range p.Errors {
		text += "\n  " + strings.TrimSpace(e.Field+" "+e.Detail)
	}
	return errors.New(text)
}

const remotePacks = "/v1/admin/rulebook/packs"

// RulebookPropose proposes a pack.
type RulebookPropose struct {
	Remote
	File      string `arg:"" type:"existingfile" help:"The pack."`
	Scenarios string `type:"existingfile" help:"Scenarios that it must decide."`
	Note      string `help:"Why."`
	Try       bool   `help:"Check it and store nothing."`
}

// Run prints what the pack would change, and its id.
func (c *RulebookPropose) Run(ctx context.Context) error {
	pack, err := os.ReadFile(c.File)
	if err != nil {
		return err
	}
	body := map[string]any{"pack": string(pack), "note": c.Note, "try": c.Try}
	if c.Scenarios != "" {
		cases, err := os.ReadFile(c.Scenarios)
		if err != nil {
			return err
		}
		body["scenarios"] = string(cases)
	}
	var out struct {
		registry.RulePack
		Runs      string
		Changes   []struct{ Rule, What string }
		Scenarios int
	}
	if err := c.call(ctx, http.MethodPost, remotePacks, body, &out); err != nil {
		return err
	}
	for _, x := range out.Changes {
		fmt.Printf("%s  %s\n", x.Rule, x.What)
	}
	fmt.Printf("%s: %d changed, %d scenarios passed\n", out.Runs, len(out.Changes), out.Scenarios)
	if !c.Try {
		fmt.Printf("proposed as %s: a second person of compliance activates it with zhunxin rulebook activate %s\n", out.ID, out.ID)
	}
	return nil
}

// RulebookActivate puts a pack in force.
type RulebookActivate struct {
	Remote
	ID string `arg:"" help:"Of the proposal."`
}

// Run activates.
func (c *RulebookActivate) Run(ctx context.Context) error { return c.decide(ctx, c.ID, "activate") }

// RulebookReject rejects a proposal.
type RulebookReject struct {
	Remote
	ID string `arg:"" help:"Of the proposal."`
}

// Run rejects.
func (c *RulebookReject) Run(ctx context.Context) error { return c.decide(ctx, c.ID, "reject") }

func (r Remote) decide(ctx context.Context, id, how string) error {
	if _, err := sms.ParseID(id); err != nil {
		return err
	}
	var p registry.RulePack
	if err := r.call(ctx, http.MethodPost, remotePacks+"/"+id+"/"+how, nil, &p); err != nil {
		return err
	}
	fmt.Printf("%s@%s is %s\n", p.Name, p.Version, p.State)
	return nil
}

// RulebookStatus shows what a node runs.
type RulebookStatus struct{ Remote }

// Run prints the packs that run, those that do not, and what waits for a second person.
func (c *RulebookStatus) Run(ctx context.Context) error {
	var now struct {
		Packs  []edition.Standing
		Usable bool
		Error  string
	}
	if err := c.call(ctx, http.MethodGet, "/v1/admin/rulebook", nil, &now); err != nil {
		return err
	}
	for _, s := range now.Packs {
		fmt.Printf("%-12s %s@%s %s: %s %s\n", map[bool]string{true: "运行 runs", false: "停用 idle"}[s.Runs], s.Name, s.Version, s.Layer, s.Why.Zh, s.Why.En)
	}
	var list struct{ Packs []registry.RulePack }
	if err := c.call(ctx, http.MethodGet, remotePacks+"?limit=200", nil, &list); err != nil {
		return err
	}
	for _, p := range list.Packs {
		if p.State == registry.Proposed {
			fmt.Printf("待复核 proposed %s: %s@%s %s, by %s %s\n", p.ID, p.Name, p.Version, p.Layer, p.ProposedBy, p.Note)
		}
	}
	if !now.Usable {
		return fmt.Errorf("this node decides nothing: %s", now.Error)
	}
	return nil
}
