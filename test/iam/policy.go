package iam

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Policy is an IAM policy document of AWS, as far as the ones in deploy/iam go: what it
// doesn't know it refuses.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
type Policy struct {
	Version   string
	Statement []Statement
}

// Statement is one statement. Principal is of bucket and trust policies only.
type Statement struct {
	Sid       string
	Effect    string
	Principal json.RawMessage `json:",omitempty"`
	Action    list
	Resource  list
	Condition map[string]map[string]list // operator, key, values
}

// list is a string or an array of them.
type list []string

func (l *list) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*l = list{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(l))
}

// operators are the condition operators that are understood.
var operators = map[string]func(value, pattern string) bool{
	"StringEquals": func(v, p string) bool { return v == p },
	"StringLike":   wildcard,
	"Bool":         strings.EqualFold,
}

// ParsePolicy reads a policy document. Nothing in it may be unknown.
func ParsePolicy(doc []byte) (*Policy, error) {
	p := &Policy{}
	d := json.NewDecoder(bytes.NewReader(doc))
	d.DisallowUnknownFields()
	if err := d.Decode(p); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("something follows the document")
	}
	if p.Version != "2012-10-17" || len(p.Statement) == 0 {
		return nil, fmt.Errorf("version %q with %d statements", p.Version, len(p.Statement))
	}
	for _, s := range p.Statement {
		if err := s.check(); err != nil {
			return nil, fmt.Errorf("statement %q: %w", s.Sid, err)
		}
	}
	return p, nil
}

func (s Statement) check() error {
	if s.Effect != "Allow" && s.Effect != "Deny" {
		return fmt.Errorf("effect %q", s.Effect)
	}
	if s.Sid == "" || len(s.Action) == 0 {
		return errors.New("it has no Sid or no Action")
	}
	for op, keys := range s.Condition {
		if operators[op] == nil {
			return fmt.Errorf("condition operator %q isn't known", op)
		}
		for key, values := range keys {
			if len(values) == 0 {
				return fmt.Errorf("condition %s of %s has no value", op, key)
			}
		}
	}
	return nil
}

// Matches reports whether the statement applies to n: allows it, or denies it.
func (s Statement) Matches(n Need) bool {
	return s.Action.any(func(p string) bool { return wildcard(strings.ToLower(n.Action), strings.ToLower(p)) }) &&
		s.Resource.any(func(p string) bool { return wildcard(n.Resource, p) }) &&
		s.holds(n.Context)
}

// holds evaluates the conditions: all operators and keys must hold, each by any of its
// values; a key that the request doesn't have holds nothing.
func (s Statement) holds(context map[string]string) bool {
	for op, keys := range s.Condition {
		for key, patterns := range keys {
			v, ok := context[key]
			if !ok || !patterns.any(func(p string) bool { return operators[op](v, p) }) {
				return false
			}
		}
	}
	return true
}

func (l list) any(f func(string) bool) bool {
	for _, s := range l {
		if f(s) {
			return true
		}
	}
	return false
}

// statementGrant is a statement of one action, one resource and one value to each
// condition.
type statementGrant struct{ Statement }

func (g statementGrant) Allows(n Need) bool { return g.Matches(n) }

func (g statementGrant) String() string {
	s := fmt.Sprintf("%s: %s on %s", g.Sid, g.Action[0], g.Resource[0])
	for op, keys := range g.Condition {
		for key, values := range keys {
			s += fmt.Sprintf(" if %s %s %q", key, op, values[0])
		}
	}
	return s
}

// Grants takes the policy of a role apart. A role's policy only allows.
func (p *Policy) Grants() ([]Grant, error) {
	var out []Grant
	for _, s := range p.Statement {
		if s.Effect != "Allow" || s.Principal != nil {
			return nil, fmt.Errorf("statement %q: a role's policy allows, and names no principal", s.Sid)
		}
		for _, action := range s.Action {
			for _, resource := range s.Resource {
				for _, c := range single(s.Condition) {
					out = append(out, statementGrant{Statement{Sid: s.Sid, Effect: s.Effect, Action: list{action}, Resource: list{resource}, Condition: c}})
				}
			}
		}
	}
	return out, nil
}

// single returns every choice of one value to each condition.
func single(all map[string]map[string]list) []map[string]map[string]list {
	out := []map[string]map[string]list{{}}
	for op, keys := range all {
		for key, values := range keys {
			var more []map[string]map[string]list
			for _, c := range out {
				for _, v := range values {
					next := map[string]map[string]list{}
					for o, ks := range c {
						next[o] = map[string]list{}
						for k, vs := range ks {
							next[o][k] = vs
						}
					}
					if next[op] == nil {
						next[op] = map[string]list{}
					}
					next[op][key] = list{v}
					more = append(more, next)
				}
			}
			out = more
		}
	}
	return out
}

// wildcard matches * (any characters, also none, also slashes) and ? (one).
func wildcard(s, pattern string) bool {
	star, mark := -1, 0
	i, j := 0, 0
	for i < len(s) {
		switch {
		case j < len(pattern) && pattern[j] == '*':
			star, mark = j, i
			j++
		case j < len(pattern) && (pattern[j] == '?' || pattern[j] == s[i]):
			i++
			j++
		case star >= 0:
			mark++
			i, j = mark, star+1
		default:
			return false
		}
	}
	for j < len(pattern) && pattern[j] == '*' {
		j++
	}
	return j == len(pattern)
}
