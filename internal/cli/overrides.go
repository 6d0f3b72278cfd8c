package cli

import "strings"

// parseOverrides reads --parameter-overrides, in both forms that `sam` takes: K=V, and ParameterKey=K,ParameterValue=V.
func parseOverrides(args []string) (map[string]string, error) {
	values := map[string]string{}
	for _, arg := range args {
		if rest, ok := strings.CutPrefix(arg, "ParameterKey="); ok {
			if key, value, ok := strings.Cut(rest, ",ParameterValue="); ok {
				values[key] = value
				continue
			}
		}
		key, value, ok := strings.Cut(arg, "=")
		if !ok || key == "" {
			return nil, usagef("--parameter-overrides takes K=V, not %q", arg)
		}
		values[key] = value
	}
	return values, nil
}

// moreOverrides finds among the arguments of a command what follows --parameter-overrides K=V, as `sam` takes it: L=W M=X.
func moreOverrides(args, overrides []string) (rest, all []string) {
	if len(overrides) == 0 {
		return args, nil
	}
	for _, arg := range args {
		if key, _, ok := strings.Cut(arg, "="); ok && key != "" && !strings.ContainsAny(key, "/.") {
			overrides = append(overrides, arg)
		} else {
			rest = append(rest, arg)
		}
	}
	return rest, overrides
}
