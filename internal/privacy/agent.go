package privacy

import (
	"context"
	"crypto/sha256"

	"github.com/zhunxin/zhunxin/evidence/leaf"
	"github.com/zhunxin/zhunxin/internal/evlog"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// Question is one that agents who handle users' data answer each year (PRV-14).
type Question struct {
	ID string `json:"id"`
	rulebook.Both
}

// Questions lists them.
var Questions = []Question{
	{"masked_only", rulebook.Both{Zh: "是否只通过平台查看掩码号码，不另行收集、留存收信人号码", En: "Does it see numbers masked on the platform only, and neither collect nor keep any besides?"}},
	{"access", rulebook.Both{Zh: "是否按岗位授权，离职当日停用密钥", En: "Is access given by role, and a key revoked on the day on which somebody leaves?"}},
	{"confidential", rulebook.Both{Zh: "接触数据的人员是否签署保密协议并接受培训", En: "Have those who handle data signed a confidentiality agreement, and been trained?"}},
	{"no_transfer", rulebook.Both{Zh: "是否未向第三方提供、转委托或出境", En: "Is nothing passed on to others, sub-entrusted or taken abroad?"}},
	{"incident", rulebook.Both{Zh: "是否有安全事件的处置和上报流程", En: "Is there a procedure to contain and report incidents?"}},
	{"deletion", rulebook.Both{Zh: "合作终止后是否返还或删除数据", En: "Is data returned or deleted when the cooperation ends?"}},
}

// AgentAnswers is a questionnaire that an agent answered.
type AgentAnswers struct {
	ID      sms.ID `db:"id" json:"id"`
	AgentID sms.ID `db:"party_id" json:"agent_id"`
	Answers string `db:"answers" json:"answers" doc:"JSON: by question, yes and a note"`
	SaidBy  string `db:"said_by" json:"said_by"`
	At      int64  `db:"at" json:"at"`
	By      sms.ID `db:"by_staff" json:"by"`
}

// KindAgent is the evidence of a questionnaire.
const KindAgent = "agent-answers"

// File keeps a questionnaire, which ends the agent's duty of the year.
func (d *Desk) File(ctx context.Context, tx Tx, a AgentAnswers) (AgentAnswers, error) {
	now, err := tx.Now(ctx)
	if err != nil {
		return a, err
	}
	a.ID, a.At = d.IDs.Next(), now.UnixMilli()
	if err := tx.InsertAnswers(ctx, a); err != nil {
		return a, err
	}
	sum := sha256.Sum256([]byte(a.Answers))
	err = evlog.Append(ctx, tx, d.IDs, a.At, leaf.New(KindAgent, int64(a.AgentID), a.At,
		leaf.Hash("answers", sum),
		leaf.Int("by_staff", int64(a.By)),
		leaf.Int("questionnaire", int64(a.ID)),
	))
	if err != nil {
		return a, err
	}
	return a, d.Duties.FinishAll(ctx, tx, rulebook.StepAgent, a.AgentID, a.By, "questionnaire "+a.ID.String(), a.At)
}
