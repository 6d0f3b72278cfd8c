package lambda

import (
	"context"
	"strings"

	"github.com/sallyport/sallyport/internal/awsapi"
)

// A target is a function as a caller names it.
type target struct {
	account, region, name string
	qualifier             string // "", "$LATEST", a version or an alias
	text                  string // the whole ARN, if that is how the caller named it
}

func (t target) key() string { return functionKey(t.account, t.region, t.name) }

// arn is the function's ARN as the target names it; qualified fills in $LATEST where no qualifier was given.
func (t target) arn() string {
	if t.text != "" {
		return t.text
	}
	f := function{Account: t.account, Region: t.region, Name: t.name}
	return f.arn(t.qualifier)
}

func (t target) unqualified() target {
	t.qualifier, t.text = "", ""
	return t
}

func (t target) qualified() string {
	if t.qualifier == "" {
		t.qualifier, t.text = latest, ""
	}
	return t.arn()
}

// parseTarget reads a name, a partial ARN or a full ARN, each with or without qualifier, and the parameter Qualifier. The function
// is one that the caller's account owns: what others may do, only Invoke knows (findTarget).
func parseTarget(ctx context.Context, name, qualifier *string) (target, error) {
	t, err := findTarget(ctx, deref(name), deref(qualifier))
	if err != nil {
		return t, err
	}
	if caller := awsapi.CallerOf(ctx); t.account != caller.Account && !caller.Admin {
		return t, failure("AccessDeniedException", 403, "User: %s is not authorized to perform this action on resource: %s because no resource-based policy allows it", caller.ARN, t.arn())
	}
	return t, nil
}

// parseWhole is parseTarget for operations that know no qualifiers.
func parseWhole(ctx context.Context, name *string) (target, error) {
	t, err := parseTarget(ctx, name, nil)
	if err == nil && t.qualifier != "" {
		err = errInvalid("This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. Please specify either a function name or an unqualified function ARN.")
	}
	return t, err
}

// findTarget is parseTarget for functions of any account.
func findTarget(ctx context.Context, text, qualifier string) (target, error) {
	caller := awsapi.CallerOf(ctx)
	t, ok := splitName(text)
	if !ok {
		return target{}, errConstraint(text, "functionName", `Member must satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?`)
	}
	if len(t.name) > 64 { // AWS: another code than for other constraints
		return target{}, errInvalid("1 validation error detected: Value '%s' at 'functionName' failed to satisfy constraint: Member must have length less than or equal to 64", t.name)
	}
	if t.region != "" && t.region != caller.Region {
		return target{}, errNotFound("Functions from '%s' are not reachable in this region ('%s')", t.region, caller.Region)
	}
	t.region = caller.Region
	if t.account == "" {
		t.account = caller.Account
	}
	if qualifier != "" && qualifier != t.qualifier {
		if t.qualifier != "" {
			return target{}, errInvalid("The derived qualifier from the function name does not match the specified qualifier.")
		}
		t.qualifier, t.text = qualifier, ""
	}
	return t, nil
}

// splitName takes apart "fn", "function:fn", "123456789012:fn", "123456789012:function:fn" or an ARN, each with ":qualifier" or
// without. It does not allocate: every message of a gateway comes by.
func splitName(text string) (t target, ok bool) {
	rest := text
	if after, whole := strings.CutPrefix(text, "arn:"); whole && strings.Count(after, ":") >= 5 { // a function may be called arn
		partition, after, _ := strings.Cut(after, ":")
		service, after, _ := strings.Cut(after, ":")
		region, after, _ := strings.Cut(after, ":")
		account, after, _ := strings.Cut(after, ":")
		name, found := strings.CutPrefix(after, "function:")
		if !strings.HasPrefix(partition, "aws") || service != "lambda" || region == "" || !isAccount(account) || !found {
			return t, false
		}
		t.text, t.region, t.account, rest = text, region, account, name
	} else {
		if len(rest) > 13 && rest[12] == ':' && isAccount(rest[:12]) {
			t.account, rest = rest[:12], rest[13:]
		}
		rest = strings.TrimPrefix(rest, "function:")
	}
	var qualified bool
	t.name, t.qualifier, qualified = strings.Cut(rest, ":")
	if !isWord(t.name) || qualified && t.qualifier != latest && !isWord(t.qualifier) {
		return t, false
	}
	return t, true
}

func isAccount(s string) bool { return len(s) == 12 && isVersion(s) }

// isWord reports whether s is letters, digits, _ and -.
func isWord(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return s != ""
}

// isVersion reports whether a qualifier is a version's number.
func isVersion(qualifier string) bool {
	for i := range len(qualifier) {
		if c := qualifier[i]; c < '0' || c > '9' {
			return false
		}
	}
	return qualifier != ""
}

func deref[T any](p *T) T {
	var zero T
	if p == nil {
		return zero
	}
	return *p
}
