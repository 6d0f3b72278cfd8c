package gateway

import (
	"strings"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/gateway/authorizer"
	"github.com/sallyport/sallyport/internal/json"
)

// A guest is what is known of who connects. It ends up in the connection's head.
type guest struct {
	domain     string               // the name that the client used; empty: the API's own
	caller     *awsapi.Caller       // who signed, with AWS_IAM
	decision   *authorizer.Decision // of the Lambda authorizer
	key, keyID string               // the API key
}

// appendIdentity appends members of requestContext.identity, each with a comma behind it.
func (g *guest) appendIdentity(dst []byte) []byte {
	var members [][2]string
	if g.key != "" {
		members = append(members, [2]string{"apiKey", g.key}, [2]string{"apiKeyId", g.keyID})
	}
	if c := g.caller; c != nil {
		members = append(members, [][2]string{
			{"accountId", c.Account},
			{"caller", c.UserID},
			{"user", c.UserID},
			{"userArn", c.ARN},
			{"accessKey", c.AccessKeyID},
		}...)
	}
	for _, m := range members {
		dst = json.AppendQuoted(dst, m[0])
		dst = append(dst, ':')
		dst = json.AppendQuoted(dst, m[1])
		dst = append(dst, ',')
	}
	return dst
}

// domainMember begins the domain in a head. No text inside a JSON string reads so, and what an authorizer says stands behind it.
const domainMember = `"domainName":"`

// domainOf returns the domain of a head. It has nothing that JSON would escape.
func domainOf(head string) string { return textMember(head, domainMember) }

// connectionMember begins the connection's id, as domainMember does the domain.
const connectionMember = `"connectionId":"`

// connectionOf returns the connection's id. It is part of head: to make it anew for every message would cost more.
func connectionOf(head string) string { return textMember(head, connectionMember) }

func textMember(head, name string) string {
	_, text, _ := strings.Cut(head, name)
	text, _, _ = strings.Cut(text, `"`)
	return text
}
