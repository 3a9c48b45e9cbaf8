package statuspage

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/netsy-io/netsy/pkg/clusterview"
)

// The page is for whoever reaches the health port and for whom they show it to, so it says less
// than netsyctl: names, numbers and states, but no address, no bucket, no path, and nothing that
// could be a credential. /readyz and /healthz on the same port are for operators and say more: their
// reasons are errors as they came, with buckets and addresses, though never credentials. Why a node
// or object storage doesn't answer is said in words of its own, never in those of an
// error, which may quote anything.

// public leaves in v what everybody may see. v must be the caller's own.
func public(v *clusterview.View) {
	v.Store, _, _ = strings.Cut(v.Store, ":") // the provider
	v.Elector, v.Compactor = nameOnly(v.Elector), nameOnly(v.Compactor)
	for i := range v.Nodes {
		n := &v.Nodes[i]
		n.ClientURLs, n.PeerURLs = []string{}, []string{}
		if n.Error != "" {
			n.Error = unreachable(n.Error)
		}
		if n.State != nil {
			n.State.Reason = redact(n.State.Reason)
		}
	}
	problems := make([]string, len(v.Problems))
	for i, p := range v.Problems {
		problems[i] = redact(p)
	}
	v.Problems = problems
}

func nameOnly(l *clusterview.Leader) *clusterview.Leader {
	if l == nil {
		return nil
	}
	return &clusterview.Leader{LeaderID: l.LeaderID}
}

// known reasons of a node that doesn't answer, by what its error says.
var reasons = []struct{ sign, words string }{
	{"connection refused", "connection refused: nothing listens at its address"},
	{"no such host", "its address is a name that can't be resolved here"},
	{"no route to host", "there is no route to its address"},
	{"network is unreachable", "there is no route to its address"},
	{"certificate", "its certificate and this process's don't go together"},
	{"tls:", "its certificate and this process's don't go together"},
	{"authentication handshake", "its certificate and this process's don't go together"},
	{"Denied", "it refuses this process's certificate"},
	{"answers at its address", "another node, or another life of it, answers at its address"},
	{"deadline exceeded", "no answer in time"},
	{"i/o timeout", "no answer in time"},
	{"connection reset", "the connection broke"},
	{"EOF", "the connection broke"},
}

// unreachable says in words of the page's own why a node doesn't answer.
func unreachable(err string) string {
	for _, r := range reasons {
		if strings.Contains(err, r.sign) {
			return r.words
		}
	}
	return "it does not answer"
}

// maxReason bounds what a node says of itself, in characters: more than a person reads.
const maxReason = 300

// What is cut from the words of others, in this order. Paths begin after a space, a quote, a
// bracket or an equals sign; keys of the bucket, such as chunks/1.netsy, stay.
var secret = []*regexp.Regexp{
	regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://[^\s"'<>]+`), // addresses, bucket URLs
	regexp.MustCompile(`\barn:[^\s"',]+`),                      // AWS principals
	regexp.MustCompile(`[\w.+-]+@[\w.-]+`),                     // GCP principals, people
	regexp.MustCompile(`(?i)\b(authorization|bearer|password|passwd|secret|token|signature|credential)s?\b["']?\s*[:= ]\s*\S+( \S{16,})?`), // header and query values
	regexp.MustCompile(`\b(AKIA|ASIA)[A-Z0-9]{8,}`),                        // AWS key ids
	regexp.MustCompile(`\[[0-9A-Fa-f:.%]+\](:\d+)?`),                       // IPv6 addresses
	regexp.MustCompile(`\b\d{1,3}(\.\d{1,3}){3}(:\d+)?`),                   // IPv4 addresses
	regexp.MustCompile(`\b[A-Za-z0-9.-]*[A-Za-z][A-Za-z0-9.-]*:\d{2,5}\b`), // host:port
	regexp.MustCompile(`(^|[\s"'(=])/[\w.@/+-]+`),                          // paths
	regexp.MustCompile(`\b[A-Za-z0-9+/_-]{40,}={0,2}`),                     // what looks random
}

// redact cuts from text what not everybody may see, control characters, and what is too long.
func redact(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || !unicode.IsGraphic(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, text)
	for _, re := range secret {
		text = re.ReplaceAllString(text, " … ")
	}
	text = strings.Join(strings.Fields(text), " ")
	if r := []rune(text); len(r) > maxReason {
		text = string(r[:maxReason]) + " …"
	}
	return text
}
