package arn

import "testing"

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     ARN
		wantErr  bool
	}{
		{name: "function with alias", in: "arn:aws:lambda:us-east-1:000000000000:function:f:live", want: New("lambda", "us-east-1", "000000000000", "function:f:live")},
		{name: "no region or account", in: "arn:aws:s3:::bucket/key", want: New("s3", "", "", "bucket/key")},
		{name: "a name", in: "f", wantErr: true},
		{name: "no resource", in: "arn:aws:s3:::", wantErr: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Parse(tt.in)
			if (err != nil) != tt.wantErr || got != tt.want {
				t.Errorf("Parse(%q) = %+v, %v; want %+v, error %t", tt.in, got, err, tt.want, tt.wantErr)
			}
			if err == nil && got.String() != tt.in {
				t.Errorf("Parse(%q).String() = %q", tt.in, got)
			}
		})
	}
}
