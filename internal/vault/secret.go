package vault

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"encoding/binary"
	"fmt"
	"strconv"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// Secret is a person's random secret towards one content provider group.
// Destroying it erases what was sealed or committed under it.
type Secret struct {
	key   [keyBytes]byte
	suite Suite
}

// NewSecret makes one.
func (k *Keys) NewSecret() Secret { return Secret{[keyBytes]byte(newKey()), k.suite} }

// SealSecret encrypts a secret for the store.
func (k *Keys) SealSecret(s Secret) []byte { return k.Seal(purposeSecret, s.key[:]) }

// OpenSecret decrypts what SealSecret made.
func (k *Keys) OpenSecret(sealed []byte) (Secret, error) {
	plain, err := k.Open(purposeSecret, sealed)
	if err != nil || len(plain) != keyBytes {
		return Secret{}, fmt.Errorf("a person's secret: %w", ErrSealed)
	}
	return Secret{[keyBytes]byte(plain), k.suite}, nil
}

// Salt is the salt of the commitments in one record.
func (s Secret) Salt(record sms.ID) (out [32]byte) {
	m := hmac.New(s.suite.hash, s.key[:])
	var id [8]byte
	binary.BigEndian.PutUint64(id[:], uint64(record))
	m.Write([]byte("salt"))
	m.Write(id[:])
	m.Sum(out[:0])
	return out
}

// textCipher is the cipher of one message's text. The key is used once, for one
// message, so a fixed nonce never repeats under it.
func (s Secret) textCipher(message sms.ID) (cipher.AEAD, error) {
	key, err := hkdf.Key(s.suite.hash, s.key[:], nil, "zhunxin text "+strconv.FormatInt(int64(message), 10), keyBytes)
	if err != nil {
		return nil, err
	}
	return s.suite.aead(key)
}

var textNonce [nonceBytes]byte

// SealText encrypts a message's text under its own key.
func (s Secret) SealText(message sms.ID, text string) ([]byte, error) {
	c, err := s.textCipher(message)
	if err != nil {
		return nil, err
	}
	return c.Seal(make([]byte, 0, len(text)+16), textNonce[:], []byte(text), nil), nil
}

// OpenText decrypts it.
func (s Secret) OpenText(message sms.ID, sealed []byte) (string, error) {
	c, err := s.textCipher(message)
	if err != nil {
		return "", err
	}
	b, err := c.Open(nil, textNonce[:], sealed, nil)
	if err != nil {
		return "", ErrSealed
	}
	return string(b), nil
}
