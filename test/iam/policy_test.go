//go:build linux

package iam

import (
	"strings"
	"testing"
)

func TestWildcard(t *testing.T) {
	for _, c := range []struct {
		s, pattern string
		want       bool
	}{
		{"", "", true}, {"", "*", true}, {"a", "", false}, {"a", "?", true}, {"ab", "?", false}, {"abc", "a*c", true}, {"abd", "a*c", false},
		{"prod/chunks/1", "prod/chunks/*", true}, {"prod/chunks/", "prod/chunks/*", true}, {"prod/chunks", "prod/chunks/*", false},
		{"prod/chunks/a/b", "prod/*", true}, {"production/x", "prod/*", false}, {"aXbXc", "a*b*c", true}, {"aab", "*ab", true}, {"abab", "*ab", true},
		{"a*", "a*", true}, {"ABC", "abc", false},
	} {
		if got := wildcard(c.s, c.pattern); got != c.want {
			t.Errorf("%q like %q: %t", c.s, c.pattern, got)
		}
	}
}

// FuzzWildcard holds the matcher against the definition.
func FuzzWildcard(f *testing.F) {
	f.Add("prod/chunks/1", "prod/*/?")
	f.Fuzz(func(t *testing.T, s, p string) {
		if len(s) > 12 || len(p) > 12 {
			return
		}
		if got, want := wildcard(s, p), defined(s, p); got != want {
			t.Errorf("%q like %q: %t, by definition %t", s, p, got, want)
		}
	})
}

func defined(s, p string) bool {
	switch {
	case p == "":
		return s == ""
	case p[0] == '*':
		return defined(s, p[1:]) || s != "" && defined(s[1:], p)
	default:
		return s != "" && (p[0] == '?' || p[0] == s[0]) && defined(s[1:], p[1:])
	}
}

const document = `{"Version": "2012-10-17", "Statement": [
 {"Sid": "List", "Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::b", "Condition": {"StringLike": {"s3:prefix": ["prod/*", "x"]}}},
 {"Sid": "Read", "Effect": "Allow", "Action": ["s3:GetObject", "s3:GetObjectVersion"], "Resource": ["arn:aws:s3:::b/prod/*", "arn:aws:s3:::b/y"]}]}`

func TestPolicy(t *testing.T) {
	p, err := ParsePolicy([]byte(document))
	must(t, err)
	grants, err := p.Grants()
	must(t, err)
	if len(grants) != 2+4 {
		t.Errorf("%d grants: %v", len(grants), grants)
	}
	for _, c := range []struct {
		n    Need
		want bool
	}{
		{Need{Action: "s3:GetObject", Resource: "arn:aws:s3:::b/prod/a/b"}, true},
		{Need{Action: "S3:getobject", Resource: "arn:aws:s3:::b/y"}, true}, // actions have no case, resources do
		{Need{Action: "s3:GetObject", Resource: "arn:aws:s3:::B/y"}, false},
		{Need{Action: "s3:GetObject", Resource: "arn:aws:s3:::b/z"}, false},
		{Need{Action: "s3:PutObject", Resource: "arn:aws:s3:::b/y"}, false},
		{Need{Action: "s3:ListBucket", Resource: "arn:aws:s3:::b"}, false}, // without the key, no condition holds
		{Need{Action: "s3:ListBucket", Resource: "arn:aws:s3:::b", Context: map[string]string{"s3:prefix": ""}}, false},
		{Need{Action: "s3:ListBucket", Resource: "arn:aws:s3:::b", Context: map[string]string{"s3:prefix": "prod/"}}, true},
		{Need{Action: "s3:ListBucket", Resource: "arn:aws:s3:::b", Context: map[string]string{"s3:prefix": "prod/chunks/1"}}, true},
		{Need{Action: "s3:ListBucket", Resource: "arn:aws:s3:::b", Context: map[string]string{"s3:prefix": "x"}}, true},
		{Need{Action: "s3:ListBucket", Resource: "arn:aws:s3:::b", Context: map[string]string{"s3:prefix": "other/"}}, false},
	} {
		whole := p.Statement[0].Matches(c.n) || p.Statement[1].Matches(c.n)
		if apart := Allowed(grants, c.n); apart != c.want || whole != c.want {
			t.Errorf("%v: %t, taken apart %t", c.n, whole, apart)
		}
	}
}

// TestConditions: all of them must hold.
func TestConditions(t *testing.T) {
	s := Statement{Sid: "K", Effect: "Allow", Action: list{"kms:Decrypt"}, Resource: list{"k"}, Condition: map[string]map[string]list{
		"StringLike": {"kms:ViaService": {"s3.*.amazonaws.com"}, "kms:EncryptionContext:aws:s3:arn": {"b", "b/*"}}, "Bool": {"aws:SecureTransport": {"true"}}}}
	ok := map[string]string{"kms:ViaService": "s3.us-east-1.amazonaws.com", "kms:EncryptionContext:aws:s3:arn": "b/x", "aws:SecureTransport": "true"}
	if !s.Matches(Need{"kms:Decrypt", "k", ok}) {
		t.Error("it doesn't match")
	}
	for key := range ok {
		other := map[string]string{}
		for k, v := range ok {
			if k != key {
				other[k] = v
			}
		}
		if s.Matches(Need{"kms:Decrypt", "k", other}) {
			t.Errorf("it matches without %s", key)
		}
		other[key] = "elsewhere"
		if s.Matches(Need{"kms:Decrypt", "k", other}) {
			t.Errorf("it matches with another %s", key)
		}
	}
}

// TestPolicyRefused: what isn't understood is refused, not passed over.
func TestPolicyRefused(t *testing.T) {
	for name, change := range map[string][2]string{
		"unknown element":   {`"Sid": "List"`, `"Sid": "List", "NotAction": "s3:*"`},
		"unknown operator":  {"StringLike", "StringLikeIfExists"},
		"unknown effect":    {`"Effect": "Allow"`, `"Effect": "Perhaps"`},
		"no version":        {"2012-10-17", ""},
		"no Sid":            {`"Sid": "List", `, ""},
		"no values":         {`["prod/*", "x"]`, "[]"},
		"two documents":     {"]}]}", "]}]} {}"},
		"not even JSON":     {"{", ""},
		"principal or deny": {`"Effect": "Allow"`, `"Effect": "Deny"`},
	} {
		p, err := ParsePolicy([]byte(strings.Replace(document, change[0], change[1], 1)))
		if err == nil {
			_, err = p.Grants()
		}
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func FuzzPolicy(f *testing.F) {
	f.Add([]byte(document))
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := ParsePolicy(b); err == nil && len(p.Statement) < 10 && len(b) < 1000 {
			_, _ = p.Grants()
		}
	})
}
