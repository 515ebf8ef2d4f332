//go:build v3 || v4

package main

import "errors"

// more: the older versions have no more actions.
func (c *call) more(any) (told, error) { return told{}, errors.New("unknown call " + c.Do) }
