package states

import (
	"encoding/base64"
	"strconv"
)

// page cuts one answer's share out of a list. The token is the number of what was given before.
func page[T any](all []T, most *int64, token *string, usual int) ([]T, *string, error) {
	from := 0
	if token != nil {
		text, err := base64.StdEncoding.DecodeString(*token)
		if err == nil {
			from, err = strconv.Atoi(string(text))
		}
		if err != nil || from < 0 {
			return nil, nil, failure("InvalidToken", "Invalid Token: 'Invalid token'")
		}
	}
	n := int(deref(most))
	if n == 0 {
		n = usual
	}
	from = min(from, len(all))
	to := min(from+n, len(all))
	if to == len(all) {
		return all[from:], nil, nil
	}
	return all[from:to], new(base64.StdEncoding.EncodeToString([]byte(strconv.Itoa(to)))), nil
}
