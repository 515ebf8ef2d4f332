// Package sms holds the kernel types of the platform: categories, phone
// numbers, money, states and their transitions, carriers and identifiers.
//
// It is pure: no clock, no network, no database. Everything else imports it and
// it imports nothing of the product.
package sms
