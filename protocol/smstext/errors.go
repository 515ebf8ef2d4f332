package smstext

import (
	"errors"
	"fmt"
)

var (
	errEmpty    = errors.New("the text is empty")
	errEncoding = errors.New("the text is not valid in its coding")
	errLong     = fmt.Errorf("the text has more than %d characters or %d segments", MaxTextUnits, MaxSegments)
)

// ErrLong tells that a text is too long; ErrEmpty and ErrEncoding likewise.
var (
	ErrLong     = errLong
	ErrEmpty    = errEmpty
	ErrEncoding = errEncoding
)

// What else is told apart with errors.Is.
var (
	// ErrNoText is a coding whose content is no text, or none that can be read here.
	ErrNoText = errors.New("carries no text")
	// ErrCoding is a coding byte that the protocol does not define, or a coding
	// for which the protocol has no byte.
	ErrCoding = errors.New("the coding is not one of the protocol's")
	// ErrOptions is a channel's wish that cannot be granted.
	ErrOptions = errors.New("the options for splitting do not fit together")
	// ErrHeader is a user data header that does not hold what it says.
	ErrHeader = errors.New("the user data header is broken")
	// ErrNoPart is a part whose number is 0 or above the total.
	ErrNoPart = errors.New("no such part")
	// ErrContradiction is a part that cannot belong to the same message as the others.
	ErrContradiction = errors.New("the parts contradict each other")
	// ErrFull tells that too many messages are incomplete.
	ErrFull = errors.New("too many incomplete long messages")
)

// CharError is a character that a coding lacks. It is an ErrEncoding.
type CharError struct {
	Rune   rune
	At     int // byte of the text at which it begins
	Coding Coding
}

func (e *CharError) Error() string {
	return fmt.Sprintf("%s has no %q, which stands at byte %d of the text", e.Coding, e.Rune, e.At)
}

// Is tells that the text is not valid in its coding.
func (e *CharError) Is(target error) bool { return target == ErrEncoding }

// RuneError is a character that no handset shows. It is an ErrEncoding.
type RuneError struct {
	Rune rune // 0, or what stands for a lost character
	At   int  // its place among the text's characters, from 0
}

func (e *RuneError) Error() string {
	if e.Rune == 0 {
		return fmt.Sprintf("character %d (from 0) is the control character U+0000; leave it out", e.At)
	}
	return fmt.Sprintf("character %d (from 0) is U+FFFD or half of a surrogate pair: it stands for one that was lost; write the right one", e.At)
}

// Is tells that the text is not valid in its coding.
func (e *RuneError) Is(target error) bool { return target == ErrEncoding }

// LimitError is a text that needs more segments than are allowed. It is an ErrLong.
type LimitError struct {
	Most int // segments
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("the text needs more than %d segments", e.Most)
}

// Is tells that the text is too long.
func (e *LimitError) Is(target error) bool { return target == ErrLong }
