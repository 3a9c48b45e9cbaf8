package statuspage

import (
	"strings"
	"testing"

	"github.com/netsy-io/netsy/pkg/clusterview"
)

func TestRedact(t *testing.T) {
	for text, want := range map[string]string{
		"": "",
		"primary: storing revisions 17 to 17: mvcc: disk failure: append: commit: database or disk is full": "primary: storing revisions 17 to 17: mvcc: disk failure: append: commit: database or disk is full",
		"chunks/0000000000000000009.netsy is missing":                                                       "chunks/0000000000000000009.netsy is missing",
		"the disk at 93%: 1.5 GB left, epoch 12, 12:00:03":                                                  "the disk at 93%: 1.5 GB left, epoch 12, 12:00:03",
		"dial tcp 10.1.2.3:2381: connect: connection refused":                                               "dial tcp … : connect: connection refused",
		"dial tcp [fd00::1]:2381: refused":                                                                  "dial tcp … : refused",
		"lookup db.internal.example.com:443 failed":                                                         "lookup … failed",
		"Get \"https://user:hunter2@s3.example.com/b?X-Amz-Signature=abc\": EOF":                            "Get \" … \": EOF",
		"open /var/lib/netsy/data.db: no space":                                                             "open … : no space",
		"path=/etc/netsy/key.pem":                                                                           "path …",
		"User: arn:aws:iam::123456789012:user/ops is not authorized":                                        "User: … is not authorized",
		"key AKIAIOSFODNN7EXAMPLE is unknown":                                                               "key … is unknown",
		"password=hunter2 is wrong":                                                                         "… is wrong",
		"Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.payload.sig end":                                        "… end",
		"ops@project.iam.gserviceaccount.com lacks storage.objects.get":                                     "… lacks storage.objects.get",
		"digest wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY":                                                   "digest …",
		"a\x1b[31mred\r\nline\x00":                                                                          "a [31mred line",
	} {
		if got := redact(text); got != want {
			t.Errorf("%q\nis %q\nnot %q", text, got, want)
		}
	}
	if got := redact(strings.Repeat("ü ", 5000)); len([]rune(got)) > maxReason+2 {
		t.Errorf("%d characters are left", len([]rune(got)))
	}
}

// FuzzRedact: what is cut once is cut, and nothing like an address is left.
func FuzzRedact(f *testing.F) {
	f.Add("dial tcp 10.1.2.3:2381: connect: connection refused")
	f.Add("https://u:p@h/ [::1]:1 a@b token=x /a/b")
	f.Fuzz(func(t *testing.T, s string) {
		got := redact(s)
		if strings.Contains(got, "://") && strings.ContainsAny(strings.SplitN(got, "://", 2)[1], "abcdefghijklmnopqrstuvwxyz") && len([]rune(s)) < maxReason && secret[0].MatchString(got) {
			t.Errorf("%q leaves %q", s, got)
		}
		if len([]rune(got)) > maxReason+2 || strings.ContainsAny(got, "\x00\x1b\n\r") {
			t.Errorf("%q leaves %q", s, got)
		}
	})
}

// Nothing of an error's own words is shown for a node that doesn't answer.
func TestUnreachable(t *testing.T) {
	words := map[string]bool{"it does not answer": true}
	for _, r := range reasons {
		words[r.words] = true
		if got := unreachable("connection error: desc = \"" + r.sign + " 10.1.2.3\""); got != r.words && !words[got] {
			t.Errorf("%s: %q", r.sign, got)
		}
	}
	if got := unreachable("token=abc at https://x"); got != "it does not answer" {
		t.Error(got)
	}
}

func TestPublic(t *testing.T) {
	v := &clusterview.View{
		Store: "s3://bucket/prefix at https://minio.internal:9000", Elector: &clusterview.Leader{LeaderID: "e", Address: "10.0.0.1:8443"},
		Compactor: &clusterview.Leader{LeaderID: "c", Address: "10.0.0.1:1"}, Problems: []string{"read https://x/y: no"},
		Nodes: []clusterview.Node{{ClientURLs: []string{"https://a:1"}, PeerURLs: []string{"https://a:2"}, Error: "dial 10.0.0.2:2381",
			State: &clusterview.State{Reason: "open /data/x: no"}}},
	}
	problems := v.Problems
	public(v)
	n := v.Nodes[0]
	if v.Store != "s3" || v.Elector.Address != "" || v.Compactor.Address != "" || v.Problems[0] != "read … : no" && v.Problems[0] != "read … no" || len(n.ClientURLs)+len(n.PeerURLs) > 0 ||
		n.Error != "it does not answer" || n.State.Reason != "open … : no" {
		t.Errorf("%+v, %+v, %+v", v, n, n.State)
	}
	if problems[0] != "read https://x/y: no" {
		t.Error("it changed what others have")
	}
}
