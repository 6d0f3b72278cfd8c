package lambda

import (
	"context"
	"regexp"
	"strings"

	"github.com/sallyport/sallyport/internal/awsapi"
)

// A target is a function as a caller names it.
type target struct {
	account, region, name string
	qualifier             string // "", "$LATEST", a version or an alias
}

func (t target) key() string { return functionKey(t.account, t.region, t.name) }

// arn is the function's ARN as the target names it; qualified fills in $LATEST where no qualifier was given.
func (t target) arn() string {
	f := function{Account: t.account, Region: t.region, Name: t.name}
	return f.arn(t.qualifier)
}

func (t target) qualified() string {
	if t.qualifier == "" {
		t.qualifier = latest
	}
	return t.arn()
}

var nameForm = regexp.MustCompile(`^(?:(?:arn:aws[a-zA-Z-]*:lambda:([a-z]{2}(?:-gov)?-[a-z]+-\d):)?(?:(\d{12}):)?function:|(\d{12}):)?([a-zA-Z0-9_-]+)(?::(\$LATEST|[a-zA-Z0-9_-]+))?$`)

// parseTarget reads a name, a partial ARN or a full ARN, each with or without qualifier, and the parameter Qualifier.
func parseTarget(ctx context.Context, name, qualifier *string) (target, error) {
	caller := awsapi.CallerOf(ctx)
	text := deref(name)
	m := nameForm.FindStringSubmatch(text)
	if m == nil {
		return target{}, errConstraint(text, "functionName", "Member must satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}(-gov)?-[a-z]+-\\d{1}:)?(\\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\\$LATEST|[a-zA-Z0-9-_]+))?")
	}
	t := target{account: caller.Account, region: caller.Region, name: m[4], qualifier: m[5]}
	if len(t.name) > 64 {
		return target{}, errConstraint(t.name, "functionName", "Member must have length less than or equal to 64")
	}
	if m[1] != "" && m[1] != caller.Region {
		return target{}, errNotFound("Functions from '%s' are not reachable in this region ('%s')", m[1], caller.Region)
	}
	for _, account := range m[2:4] {
		if account != "" {
			t.account = account
		}
	}
	if q := deref(qualifier); q != "" {
		if t.qualifier != "" && t.qualifier != q {
			return target{}, errInvalid("The derived qualifier from the function name does not match the specified qualifier.")
		}
		t.qualifier = q
	}
	return t, nil
}

// isVersion reports whether a qualifier is a version's number.
func isVersion(qualifier string) bool {
	return qualifier != "" && strings.Trim(qualifier, "0123456789") == ""
}

func deref[T any](p *T) T {
	var zero T
	if p == nil {
		return zero
	}
	return *p
}
