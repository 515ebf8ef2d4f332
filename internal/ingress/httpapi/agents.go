package httpapi

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/zhunxin/zhunxin/internal/privacy"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// AgentAnswer is an agent's answer to one question.
type AgentAnswer struct {
	Yes  bool   `json:"yes"`
	Note string `json:"note,omitempty" maxLength:"1000" doc:"of a no: what is done about it, and by when"`
}

// AgentAnswersIn puts a questionnaire on file.
type AgentAnswersIn struct {
	ID   string `path:"id" maxLength:"20" doc:"the agent's"`
	Body struct {
		Answers map[string]AgentAnswer `json:"answers" maxProperties:"20" doc:"by the id of each question"`
		SaidBy  string                 `json:"said_by" minLength:"1" maxLength:"100" doc:"position of who answered for the agent"`
	}
}

// What the operations answer.
type (
	AgentAnswersOut struct{ Body privacy.AgentAnswers }
	AgentListOut    struct {
		Body struct {
			Questions      []privacy.Question     `json:"questions"`
			Questionnaires []privacy.AgentAnswers `json:"questionnaires" doc:"newest first"`
		}
	}
)

// agents registers how agents who handle users' data are supervised.
func (a *API) agents() {
	overseen(a, "agent-answers", "/v1/admin/agents/{id}/questionnaires", "What an agent answered on security 代理商安全问卷", a.listAnswers)
	office(a, huma.Operation{
		OperationID: "file-agent-answers", Path: "/v1/admin/agents/{id}/questionnaires", Summary: "Put an agent's questionnaire on file 登记代理商安全问卷",
		Description: "Order 24 Art. 11. All questions are answered, and a no says what is done about it. It ends the agent's duty of the year.",
	}, a.fileAnswers)
}

func agentOf(c caller, text string) (sms.ID, error) {
	id, err := pathID(text)
	if err != nil {
		return 0, err
	}
	if p := c.snap.Party[id]; p == nil || p.Kind != registry.Agent {
		return 0, sms.Errorf(sms.NotFound, "path.id", "no agent has this id")
	}
	return id, nil
}

func (a *API) fileAnswers(ctx context.Context, by *registry.Staff, in *AgentAnswersIn) (*AgentAnswersOut, error) {
	b := &in.Body
	id, err := agentOf(callerOf(ctx), in.ID)
	if err == nil {
		err = words("body.said_by", b.SaidBy)
	}
	if err != nil {
		return nil, err
	}
	for _, q := range privacy.Questions {
		x, ok := b.Answers[q.ID]
		field := "body.answers." + q.ID
		if !ok || !x.Yes && x.Note == "" {
			return nil, sms.Errorf(sms.BadRequest, field, "it is answered, and a no has a note: %s", q.En)
		}
		if err := words(field, x.Note); err != nil {
			return nil, err
		}
	}
	if len(b.Answers) != len(privacy.Questions) {
		return nil, sms.Errorf(sms.BadRequest, "body.answers", "it answers what is no question")
	}
	said, err := json.Marshal(b.Answers)
	if err != nil {
		return nil, err
	}
	out := &AgentAnswersOut{}
	err = a.Store.Write(ctx, func(ctx context.Context, tx Tx) (err error) {
		out.Body, err = a.privacy().File(ctx, tx, privacy.AgentAnswers{AgentID: id, Answers: string(said), SaidBy: b.SaidBy, By: by.ID})
		return err
	})
	return out, err
}

func (a *API) listAnswers(ctx context.Context, in *MessageIn) (*AgentListOut, error) {
	id, err := agentOf(callerOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	out := &AgentListOut{}
	err = a.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		list, err := tx.AnswersOf(ctx, id, maxListed)
		out.Body.Questions, out.Body.Questionnaires = privacy.Questions, slices.Concat([]privacy.AgentAnswers{}, list)
		return err
	})
	return out, err
}
