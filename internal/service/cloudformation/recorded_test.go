package cloudformation_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/service/cloudformation"
)

// TestRecorded deploys what means something only on AWS: it has names, and its events say that nothing was made.
func TestRecorded(t *testing.T) {
	w := start(t, cloudformation.Options{})
	const text = `{"Resources":{
		"Users":{"Type":"AWS::Cognito::UserPool","Properties":{"UserPoolName":"users"}},
		"Client":{"Type":"AWS::Cognito::UserPoolClient","Properties":{"UserPoolId":{"Ref":"Users"}}},
		"Key":{"Type":"AWS::KMS::Key","Properties":{"KeyPolicy":{}}},
		"Alias":{"Type":"AWS::KMS::Alias","Properties":{"AliasName":"alias/a","TargetKeyId":{"Ref":"Key"}}},
		"Images":{"Type":"AWS::ECR::Repository","Properties":{"RepositoryName":"images","Tags":%s}},
		"Page":{"Type":"AWS::CloudFront::Distribution","Properties":{}}},
		"Outputs":{"Pool":{"Value":{"Fn::Sub":"${Users} ${Users.Arn} ${Users.ProviderName}"}},"Client":{"Value":{"Ref":"Client"}},"Key":{"Value":{"Fn::Sub":"${Key} ${Key.Arn} ${Alias}"}},
		"Images":{"Value":{"Fn::Sub":"${Images} ${Images.Arn} ${Images.RepositoryUri}"}},"Page":{"Value":{"Fn::GetAtt":"Page.DomainName"}}}}`
	st, events, err := w.deploy(t, "s", fmt.Sprintf(text, `[]`))
	if err != nil {
		t.Fatal(err)
	}
	patterns := map[string]string{
		"Pool":   `^(us-east-1_[0-9A-F]{9}) arn:aws:cognito-idp:us-east-1:111111111111:userpool/us-east-1_[0-9A-F]{9} cognito-idp.us-east-1.amazonaws.com/us-east-1_[0-9A-F]{9}$`,
		"Client": `^[0-9a-f-]{36}$`,
		"Key":    `^([0-9a-f-]{36}) arn:aws:kms:us-east-1:111111111111:key/[0-9a-f-]{36} alias/a$`,
		"Images": `^images arn:aws:ecr:us-east-1:111111111111:repository/images 111111111111.dkr.ecr.us-east-1.amazonaws.com/images$`,
		"Page":   `^E[0-9A-F]{9}\.cloudfront\.net$`,
	}
	before := map[string]string{}
	for _, o := range st.Outputs {
		before[o.Key] = o.Value
		if !regexp.MustCompile(patterns[o.Key]).MatchString(o.Value) {
			t.Errorf("output %s is %s", o.Key, o.Value)
		}
	}
	said := 0
	for _, e := range events {
		if strings.Contains(e, "CREATE_COMPLETE") && strings.Contains(e, "Sallyport remembers this resource, and does nothing with it.") {
			said++
		}
	}
	if said != 6 {
		t.Errorf("%d resources say that nothing was made, want 6", said)
	}
	if st, _, err = w.deploy(t, "s", fmt.Sprintf(text, `[{"Key":"a","Value":"b"}]`)); err != nil {
		t.Fatal(err)
	}
	for _, o := range st.Outputs {
		if o.Value != before[o.Key] {
			t.Errorf("after the update output %s is %s, was %s", o.Key, o.Value, before[o.Key])
		}
	}
}
