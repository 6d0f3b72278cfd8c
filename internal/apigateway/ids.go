package apigateway

import (
	"crypto/rand"
	"crypto/sha256"
	"math/big"
)

// Lengths of ids. AWS: APIs have ten characters, all else six or seven.
const (
	apiIDLength  = 10
	partIDLength = 7
)

const idAlphabet = "abcdefghijklmnopqrstuvwxyz0123456789"

// NewAPIID draws the id of an API.
func NewAPIID() string { return newID(apiIDLength) }

// NewID draws the id of anything that is not an API.
func NewID() string { return newID(partIDLength) }

// DerivedAPIID is the id that an API gets when it is made by the step of this token: the same whenever the step is repeated.
func DerivedAPIID(token string) string { return derivedID(token, apiIDLength) }

// DerivedID is DerivedAPIID for anything that is not an API.
func DerivedID(token string) string { return derivedID(token, partIDLength) }

func newID(n int) string {
	id := make([]byte, 0, n)
	for buf := make([]byte, 2*n); len(id) < n; {
		_, _ = rand.Read(buf) // never fails
		for _, b := range buf {
			// Bytes above the largest multiple of 36 would favour the first letters.
			if b < 252 && len(id) < n {
				id = append(id, idAlphabet[b%36])
			}
		}
	}
	return string(id)
}

func derivedID(token string, n int) string {
	sum := sha256.Sum256([]byte(token))
	x, radix, digit := new(big.Int).SetBytes(sum[:]), big.NewInt(36), new(big.Int)
	id := make([]byte, n)
	for i := range id {
		x.DivMod(x, radix, digit)
		id[i] = idAlphabet[digit.Int64()]
	}
	return string(id)
}
