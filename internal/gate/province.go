package gate

// byProvince parts a text's recipients where channels are for some provinces only: those of
// one part have the same candidates.
func (p *part) byProvince() []*part {
	if len(p.recipients) == 0 {
		return []*part{p}
	}
	snap, all := p.job.snap, p.recipients
	p.province = all[0].province
	mixed := false
	for i := range all {
		mixed = mixed || snap.Class(all[i].province) != snap.Class(p.province)
	}
	if !mixed {
		return []*part{p}
	}
	var parts []*part
	at := map[uint8]*part{}
	for i := range all {
		class := snap.Class(all[i].province)
		if at[class] == nil {
			q := *p
			q.recipients, q.province = nil, all[i].province
			at[class] = &q
			parts = append(parts, &q)
		}
		at[class].recipients = append(at[class].recipients, all[i])
	}
	return parts
}
