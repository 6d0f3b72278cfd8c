package asl

import (
	"crypto/md5"  //nolint:gosec // AWS offers it
	"crypto/sha1" //nolint:gosec // AWS offers it
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"math"
	"math/rand/v2"
	"strings"
	"unicode/utf8"
)

// An intrinsic is a function of JSONPath's States namespace.
type intrinsic struct {
	min, max int // arguments; max -1 is any number
	f        func(env *Env, args []any) (any, error)
}

// Limits of AWS.
const (
	maxBase64 = 10_000 // characters
	maxHashed = 10_000
	maxRange  = 1_000 // elements of ArrayRange
)

var intrinsics = map[string]intrinsic{
	"Format":         {1, -1, format},
	"StringToJson":   {1, 1, stringToJSON},
	"JsonToString":   {1, 1, func(_ *Env, a []any) (any, error) { return string(Encode(a[0])), nil }},
	"Array":          {0, -1, func(_ *Env, a []any) (any, error) { return a, nil }},
	"ArrayPartition": {2, 2, arrayPartition},
	"ArrayContains":  {2, 2, arrayContains},
	"ArrayRange":     {3, 3, arrayRange},
	"ArrayGetItem":   {2, 2, arrayGetItem},
	"ArrayLength":    {1, 1, arrayLength},
	"ArrayUnique":    {1, 1, arrayUnique},
	"Base64Encode":   {1, 1, base64Encode},
	"Base64Decode":   {1, 1, base64Decode},
	"Hash":           {2, 2, hashOf},
	"JsonMerge":      {3, 3, jsonMerge},
	"MathRandom":     {2, 3, mathRandom},
	"MathAdd":        {2, 2, mathAdd},
	"StringSplit":    {2, 2, stringSplit},
	"UUID":           {0, 0, func(env *Env, _ []any) (any, error) { return env.uuid(), nil }},
}

func format(_ *Env, args []any) (any, error) {
	template, ok := args[0].(string)
	if !ok {
		return nil, errors.New("the first argument must be a string")
	}
	rest := args[1:]
	var b strings.Builder
	for i := 0; i < len(template); i++ {
		switch c := template[i]; {
		case c == '\\' && i+1 < len(template):
			i++
			b.WriteByte(template[i])
		case c == '{' && i+1 < len(template) && template[i+1] == '}':
			if len(rest) == 0 {
				return nil, errors.New("the number of arguments does not match the occurrences of {}")
			}
			b.WriteString(javaText(rest[0]))
			rest = rest[1:]
			i++
		default:
			b.WriteByte(c)
		}
	}
	if len(rest) > 0 {
		return nil, errors.New("the number of arguments does not match the occurrences of {}")
	}
	return b.String(), nil
}

func stringToJSON(_ *Env, args []any) (any, error) {
	s, ok := args[0].(string)
	if !ok {
		return nil, errors.New("the argument must be a string")
	}
	if strings.TrimSpace(s) == "" { // AWS: nothing is null
		return nil, nil
	}
	v, err := Decode([]byte(s))
	if err != nil {
		return nil, errors.New("the argument is not valid JSON")
	}
	return v, nil
}

func listArg(v any) ([]any, error) {
	list, ok := v.([]any)
	if !ok {
		return nil, errors.New("the first argument must be an array")
	}
	return list, nil
}

// roundArg is a number as AWS rounds it: half upwards, as Java's Math.round.
func roundArg(v any) (int64, error) {
	f, ok := floatOf(v)
	if !ok {
		return 0, fmt.Errorf("the argument %s must be a number", Encode(v))
	}
	return int64(math.Floor(f + 0.5)), nil
}

func number(n int64) json.Number { return json.Number(fmt.Sprint(n)) }

func arrayPartition(_ *Env, args []any) (any, error) {
	list, err := listArg(args[0])
	if err != nil {
		return nil, err
	}
	size, err := roundArg(args[1])
	if err != nil || size < 1 {
		return nil, errors.New("the second argument must be a positive number")
	}
	parts := []any{}
	for len(list) > 0 {
		n := min(int(size), len(list))
		parts = append(parts, list[:n:n])
		list = list[n:]
	}
	return parts, nil
}

func arrayContains(_ *Env, args []any) (any, error) {
	list, err := listArg(args[0])
	if err != nil {
		return nil, err
	}
	for _, v := range list {
		if Equal(v, args[1]) {
			return true, nil
		}
	}
	return false, nil
}

func arrayRange(_ *Env, args []any) (any, error) {
	var n [3]int64
	for i := range n {
		var err error
		if n[i], err = roundArg(args[i]); err != nil {
			return nil, err
		}
	}
	if n[2] == 0 {
		return nil, errors.New("the third argument must not be zero")
	}
	if span := (n[1] - n[0]) / n[2]; span >= maxRange {
		return nil, fmt.Errorf("the array would have more than %d elements", maxRange)
	}
	list := []any{}
	for v := n[0]; n[2] > 0 && v <= n[1] || n[2] < 0 && v >= n[1]; v += n[2] {
		list = append(list, number(v))
	}
	return list, nil
}

func arrayGetItem(_ *Env, args []any) (any, error) {
	list, err := listArg(args[0])
	if err != nil {
		return nil, err
	}
	n, ok := intOf(args[1])
	if !ok || n < 0 || n >= int64(len(list)) {
		return nil, errors.New("the index is out of the array's bounds")
	}
	return list[n], nil
}

func arrayLength(_ *Env, args []any) (any, error) {
	list, err := listArg(args[0])
	if err != nil {
		return nil, err
	}
	return number(int64(len(list))), nil
}

func arrayUnique(_ *Env, args []any) (any, error) {
	list, err := listArg(args[0])
	if err != nil {
		return nil, err
	}
	unique := []any{}
next:
	for _, v := range list {
		for _, u := range unique {
			if Equal(u, v) {
				continue next
			}
		}
		unique = append(unique, v)
	}
	return unique, nil
}

func base64Encode(_ *Env, args []any) (any, error) {
	s, ok := args[0].(string)
	if !ok || utf8.RuneCountInString(s) > maxBase64 {
		return nil, fmt.Errorf("the argument must be a string of at most %d characters", maxBase64)
	}
	return base64.StdEncoding.EncodeToString([]byte(s)), nil
}

func base64Decode(_ *Env, args []any) (any, error) {
	s, ok := args[0].(string)
	if !ok || len(s) > maxBase64 {
		return nil, fmt.Errorf("the argument must be a string of at most %d characters", maxBase64)
	}
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil, errors.New("the argument is not valid Base64")
	}
	return strings.ToValidUTF8(string(b), "\uFFFD"), nil
}

func hashOf(_ *Env, args []any) (any, error) {
	name, _ := args[1].(string)
	h := hasher(name)
	if h == nil {
		return nil, errors.New("the algorithm must be one of MD5, SHA-1, SHA-256, SHA-384, SHA-512")
	}
	s, ok := args[0].(string)
	if !ok {
		s = string(Encode(args[0]))
	}
	if utf8.RuneCountInString(s) > maxHashed {
		return nil, fmt.Errorf("the data must have at most %d characters", maxHashed)
	}
	h.Write([]byte(s))
	return hex.EncodeToString(h.Sum(nil)), nil
}

func hasher(name string) hash.Hash {
	switch name {
	case "MD5":
		return md5.New() //nolint:gosec // AWS offers it
	case "SHA-1":
		return sha1.New() //nolint:gosec // AWS offers it
	case "SHA-256":
		return sha256.New()
	case "SHA-384":
		return sha512.New384()
	case "SHA-512":
		return sha512.New()
	}
	return nil
}

func jsonMerge(_ *Env, args []any) (any, error) {
	a, ok1 := args[0].(*Object)
	b, ok2 := args[1].(*Object)
	deep, ok3 := args[2].(bool)
	if !ok1 || !ok2 {
		return nil, errors.New("the arguments must be objects")
	}
	if !ok3 || deep { // AWS: only shallow merging is supported
		return nil, errors.New("only shallow merging is supported: the third argument must be false")
	}
	merged := a.Clone()
	for _, m := range b.Members {
		merged.Set(m.Name, m.Value)
	}
	return merged, nil
}

func mathRandom(env *Env, args []any) (any, error) {
	from, err1 := roundArg(args[0])
	to, err2 := roundArg(args[1])
	if err1 != nil || err2 != nil || from >= to {
		return nil, errors.New("the arguments must be numbers, the first less than the second")
	}
	bits := env.Random
	if len(args) == 3 {
		seed, err := roundArg(args[2])
		if err != nil {
			return nil, err
		}
		bits = rand.NewPCG(uint64(seed), 0).Uint64
	}
	return number(from + int64(bits()%uint64(to-from))), nil
}

func mathAdd(_ *Env, args []any) (any, error) {
	a, err1 := roundArg(args[0])
	b, err2 := roundArg(args[1])
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	return number(a + b), nil
}

func stringSplit(_ *Env, args []any) (any, error) {
	s, ok1 := args[0].(string)
	splitters, ok2 := args[1].(string)
	if !ok1 || !ok2 {
		return nil, errors.New("the arguments must be strings")
	}
	parts := []any{}
	for _, part := range strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(splitters, r) }) {
		parts = append(parts, part)
	}
	return parts, nil
}
