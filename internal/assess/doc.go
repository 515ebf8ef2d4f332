// Package assess answers whether somebody's 106 SMS business is lawful: that of a party on
// this platform, obligation by obligation, from what the registry holds, or that of somebody
// who owns nothing yet, from answers.
//
// It is pure: facts and the moment come in as values. Obligations, questions, modes and
// arrangements are data in the YAML files beside it; what decides each is a named check in
// Go. What the platform holds no fact about is said to be unknown, never to be met.
package assess
