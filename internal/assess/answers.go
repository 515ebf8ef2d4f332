package assess

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// MaxAnswers bounds a file of answers.
const MaxAnswers = 64 << 10

// ReadAnswers reads a form that was filled in, in YAML or JSON. An unknown question or
// answer is an error; an empty answer was not given.
func (c *Catalogue) ReadAnswers(b []byte) (Answers, error) {
	if len(b) > MaxAnswers {
		return nil, sms.Errorf(sms.BadRequest, "answers", "they have %d bytes, more than %d", len(b), MaxAnswers)
	}
	var a Answers
	if err := rulebook.Decode(b, &a); err != nil {
		return nil, sms.Errorf(sms.BadRequest, "answers", "%s", err)
	}
	for _, question := range slices.Sorted(maps.Keys(a)) {
		if a[question] == "" {
			delete(a, question)
		} else if err := c.checkAnswer(question, a[question]); err != nil {
			return nil, sms.Errorf(sms.BadRequest, "answers", "%s", err)
		}
	}
	return a, nil
}

// Form is an empty form of answers, with the questions as comments.
func (c *Catalogue) Form() []byte {
	var b strings.Builder
	b.WriteString("# 代理106短信业务合法吗？ Is acting as an agent for 106 SMS legal?\n# 每题填一个选项的英文代号，留空表示不知道。Write one of the names of each question; empty is not known.\n# zhunxin assess --questionnaire --answers FILE\n")
	for _, q := range c.questions {
		fmt.Fprintf(&b, "\n# %s\n# %s\n", q.Text.Zh, q.Text.En)
		for _, x := range q.Choices {
			fmt.Fprintf(&b, "#   %-12s %s  %s\n", x.ID, x.Zh, x.En)
		}
		fmt.Fprintf(&b, "%s:\n", q.ID)
	}
	return []byte(b.String())
}
