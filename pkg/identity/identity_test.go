package identity

import (
	"strings"
	"testing"
)

func TestNames(t *testing.T) {
	for _, s := range []string{"a", "0", "node-1", "dev-cluster", "a-b-c", strings.Repeat("a", MaxNameLen)} {
		if err := ValidateName(s); err != nil {
			t.Errorf("ValidateName(%q) = %v, want it valid", s, err)
		}
	}
	for _, s := range []string{"", "-", "-a", "a-", "a--b", "A", "node_1", "node.1", "a/b", "ä", "a b", "a\x00",
		strings.Repeat("a", MaxNameLen+1)} {
		if err := ValidateName(s); err == nil {
			t.Errorf("ValidateName(%q) accepts it", s)
		}
	}
}

func TestParse(t *testing.T) {
	for _, r := range Roles() {
		id := Identity{"dev-cluster", r, "node-1"}
		got, err := Parse(id.String())
		if err != nil || got != id {
			t.Errorf("Parse(%s) = %v, %v", id, got, err)
		}
		if u := id.URL().String(); u != id.String() {
			t.Errorf("URL %q differs from String %q", u, id)
		}
	}
	for _, s := range []string{
		"", "netsy://", "netsy://a", "netsy://a/peer", "netsy://a/peer/", "netsy:///peer/b", "netsy://a//b",
		"netsy://a/peer/b/c", "netsy://a/peer/b/", "netsy://a/king/b", "netsy://a/Peer/b", "netsy://A/peer/b",
		"spiffe://a/peer/b", "NETSY://a/peer/b", "netsy:a/peer/b", "netsy://a/peer/b?x=1", "netsy://a/peer/b#f",
		"netsy://u@a/peer/b", "netsy://a:1/peer/b", "netsy://a/peer/%62", " netsy://a/peer/b", "netsy://a/peer/b\n",
	} {
		if id, err := Parse(s); err == nil {
			t.Errorf("Parse(%q) = %v, want an error", s, id)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("netsy://dev-cluster/peer/node-1")
	f.Add("netsy://a/admin/b-")
	f.Fuzz(func(t *testing.T, s string) {
		id, err := Parse(s)
		if err != nil {
			return
		}
		if id.String() != s {
			t.Errorf("Parse accepted %q, which String writes as %q", s, id)
		}
	})
}

func TestPolicy(t *testing.T) {
	p := Policy{"/s.A/X": {RolePeer}, "/s.A/*": {RoleClient}}
	for m, want := range map[string]string{"/s.A/X": "peer", "/s.A/Y": "client", "/s.B/X": "", "bad": "", "": ""} {
		roles, ok := p.Allowed(m)
		if got := len(roles) == 1 && string(roles[0]) == want; ok != (want != "") || ok && !got {
			t.Errorf("Allowed(%q) = %v, %v, want %q", m, roles, ok, want)
		}
	}
	if err := p.Validate(); err != nil {
		t.Error(err)
	}
	for _, bad := range []Policy{{"s.A/X": nil}, {"/s.A": nil}, {"/s.A/": nil}, {"//X": nil}, {"/s.A/X": {"king"}}} {
		if bad.Validate() == nil {
			t.Errorf("Validate accepts %v", bad)
		}
	}
}
