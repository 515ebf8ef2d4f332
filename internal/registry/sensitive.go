package registry

import "strings"

// SeparateConsent is the basis of a wording whose sensitive variables rest on what each
// recipient has agreed to separately. PIPL Art. 29.
const SeparateConsent = "separate_consent"

// Classes are those of sensitive personal information that the wording's variables hold.
func (v *TemplateVersion) Classes() []string {
	if v.Sensitive == "" {
		return nil
	}
	return strings.Split(v.Sensitive, ",")
}

// AsksSeparately tells whether every recipient must have agreed separately to what the
// variables hold.
func (v *TemplateVersion) AsksSeparately() bool {
	return v.Sensitive != "" && v.Basis == SeparateConsent
}
