package gate

import (
	"slices"
	"strconv"
)

// consecutive counts the distinct numbers of a call and how many of them, in percent, have a
// neighbour in it: lists of people have few, number ranges many (CNS-13). Without any it gives
// 0 and 0, so that calls of strangers are alike.
func consecutive(c *Call) (numbers, percent int) {
	n := c.Recipients()
	if n < 2 {
		return 0, 0
	}
	list := make([]uint64, 0, n)
	for i := range c.Parts {
		for k := range c.Parts[i].Recipients {
			if v, err := strconv.ParseUint(c.Parts[i].Recipients[k].Number.Reveal(), 10, 64); err == nil { // E.164 has 15 digits
				list = append(list, v)
			}
		}
	}
	slices.Sort(list)
	list = slices.Compact(list)
	near := 0
	for i, v := range list {
		if i > 0 && list[i-1] == v-1 || i+1 < len(list) && list[i+1] == v+1 {
			near++
		}
	}
	if near == 0 {
		return 0, 0
	}
	return len(list), near * 100 / len(list)
}
