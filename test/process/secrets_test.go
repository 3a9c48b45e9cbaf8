//go:build linux

package process

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/netsy-io/netsy/test/internal/proc"
)

// secrets are what must never be written by a process, by what they are.
type secrets map[string]string

const (
	accessSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYsecretKEY"
	sessionToken = "FwoGZXIvYXdzEXAMPLEsessionTOKEN//////////wEaD"
	storedValue  = "the-password-of-somebody-c0ffee"
	userInfo     = "hunter2endpoint"
)

// newSecrets are all secrets of a cluster: those above, and its private keys.
func newSecrets(c *cluster) secrets {
	c.t.Helper()
	s := secrets{"AWS secret access key": accessSecret, "AWS session token": sessionToken, "value of a key": storedValue, "password in an endpoint": userInfo}
	keys, err := filepath.Glob(c.path("*.key"))
	c.must(err)
	if len(keys) < 2 {
		c.t.Fatalf("only %q are there", keys)
	}
	for _, k := range keys {
		b, err := os.ReadFile(k)
		c.must(err)
		s.addPEM(filepath.Base(k), string(b))
	}
	return s
}

// addPEM adds each line of a private key.
func (s secrets) addPEM(name, text string) {
	for i, line := range strings.Split(text, "\n") {
		if len(line) > 16 && !strings.HasPrefix(line, "-----") {
			s[fmt.Sprintf("%s, line %d", name, i+1)] = line
		}
	}
}

// check looks for them in what a process wrote, as they are and as programs write bytes.
func (s secrets) check(t testing.TB, where string, out []byte) {
	t.Helper()
	if len(out) == 0 {
		t.Errorf("%s is empty", where)
	}
	for what, secret := range s {
		b := []byte(secret)
		for form, x := range map[string]string{
			"itself": secret, "base64": strings.TrimRight(base64.StdEncoding.EncodeToString(b), "="), "hex": hex.EncodeToString(b),
			"decimal": strings.Trim(fmt.Sprint(b), "[]"), "escaped": strings.ReplaceAll(secret, "/", `\/`),
		} {
			// What stands before it shifts base64: the middle of it is looked for as well.
			if bytes.Contains(out, []byte(x)) || form == "base64" && len(b) > 24 && bytes.Contains(out, []byte(base64.RawStdEncoding.EncodeToString(b[3:3+3*(len(b)/3-2)]))) {
				t.Errorf("%s has the %s (%s)", where, what, form)
			}
		}
	}
	for _, x := range []string{"Signature=", "AWS4-HMAC-SHA256", "X-Amz-Security-Token", "PRIVATE KEY", "Bearer "} {
		if bytes.Contains(out, []byte(x)) {
			t.Errorf("%s has %q", where, x)
		}
	}
}

// TestNoSecretIsLogged runs a cluster at trace level with credentials in its environment,
// stores values, and reads all that it says.
func TestNoSecretIsLogged(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	for id, format := range map[string]string{"node-1": "text", "node-2": "json"} {
		c.node(id).env = map[string]string{
			"NETSY_LOG_LEVEL": "trace", "NETSY_LOG_FORMAT": format,
			"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": accessSecret, "AWS_SESSION_TOKEN": sessionToken,
		}
	}
	s := newSecrets(c)
	ctx, cancel := context.WithTimeout(t.Context(), 2*proc.EventTimeout)
	defer cancel()
	first := c.startNode("node-1", "--with-elector")
	c.awaitActive(ctx, first, "node-1")
	second := c.startNode("node-2", "--with-elector")
	c.awaitHealth(ctx, second, "node-2", "/readyz", "follows", func(h proc.Health) bool { return h.Status == 200 })
	for _, id := range []string{"node-1", "node-2"} {
		client := c.client(id)
		for i := range 3 { // the third finds the key there: a failed compare
			key := fmt.Sprintf("/registry/secrets/default/%s-%d", id, i%2)
			if _, err := client.PutIf(ctx, key, storedValue, 0); err != nil {
				t.Fatal(err)
			}
			if _, err := client.Get(ctx, key); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, id := range []string{"node-1", "node-2"} {
		for _, page := range []string{"/healthz", "/readyz", "/metrics", "/status"} {
			_, body, err := proc.Page(ctx, c.nodes[id].health, page)
			c.must(err)
			s.check(t, id+page, body)
		}
	}
	first.Stop() // hands over
	c.awaitActive(ctx, second, "node-2")
	second.Stop()
	s.check(t, "the log of node-1", []byte(first.Out.String()))
	s.check(t, "the log of node-2", []byte(second.Out.String()))
	for line := range strings.Lines(second.Out.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Errorf("not JSON: %s", line)
		}
	}
}

// TestNoSecretInStorageErrors: an S3 server that refuses in every way, also by echoing what
// it was sent, as S3 does with a wrong signature.
func TestNoSecretInStorageErrors(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	var asked atomic.Int64
	refuse := func(w http.ResponseWriter, r *http.Request) {
		switch asked.Add(1) % 5 {
		case 0:
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprintf(w, "<Error><Code>SignatureDoesNotMatch</Code><Message>The request signature we calculated does not match the signature you provided.</Message><AWSAccessKeyId>AKIAEXAMPLE</AWSAccessKeyId><StringToSign>%s</StringToSign><SignatureProvided>%s</SignatureProvided></Error>",
				r.Header.Get("Authorization"), r.Header.Get("X-Amz-Security-Token"))
		case 1:
			w.WriteHeader(http.StatusInternalServerError)
		case 2:
			http.Redirect(w, r, "/elsewhere?X-Amz-Signature=abc&"+r.Header.Get("Authorization"), http.StatusMovedPermanently)
		case 3:
			panic(http.ErrAbortHandler) // the connection breaks
		default:
			w.WriteHeader(http.StatusOK)
			fmt.Fprint(w, "not XML: "+r.Header.Get("Authorization"))
		}
	}
	srv := httptest.NewServer(http.HandlerFunc(refuse))
	defer srv.Close()
	aws := map[string]string{
		"NETSY_LOG_LEVEL": "trace", "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": accessSecret, "AWS_SESSION_TOKEN": sessionToken, "AWS_EC2_METADATA_DISABLED": "true",
	}
	storage := func(endpoint string) func(map[string]any) {
		return func(m map[string]any) {
			m["storage"] = map[string]any{"provider": "s3", "bucket_name": "bucket", "region": "us-east-1", "endpoint": endpoint, "path_style": true}
		}
	}
	c.node("node-1").env = aws
	c.elector("elector-1").env = aws
	s := newSecrets(c)
	run := func(what string, start func() *proc.Proc) {
		t.Helper()
		p := start()
		if code := p.Exit(2 * proc.EventTimeout); code == 0 {
			t.Errorf("%s: exit status 0", what)
		}
		s.check(t, what, []byte(p.Out.String()))
	}
	node := func() *proc.Proc { return c.startNode("node-1", "--with-elector") }
	c.writeConfig(storage(srv.URL))
	for range 5 { // begins at each of the answers
		run("a node", node)
	}
	run("an elector", func() *proc.Proc { return c.startElector("elector-1") })
	if asked.Load() == 0 {
		t.Error("the server was never asked")
	}
	c.writeConfig(storage(strings.Replace(srv.URL, "://", "://user:"+userInfo+"@", 1)))
	run("a node with a password in the endpoint", node)
	c.writeConfig(storage("http://127.0.0.1:1"))
	run("a node whose server is away", node)

	token := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error":"invalid_grant","error_description":"Invalid JWT Signature."}`)
	}))
	defer token.Close()
	c.node("node-1").env = map[string]string{"NETSY_LOG_LEVEL": "trace", "GOOGLE_APPLICATION_CREDENTIALS": c.googleKey(s, token.URL)}
	c.writeConfig(func(m map[string]any) {
		m["storage"] = map[string]any{"provider": "gcs", "bucket_name": "bucket"}
	})
	run("a node on Google Cloud", node)
}

// googleKey writes the key of a service account and adds it to the secrets.
func (c *cluster) googleKey(s secrets, tokenURL string) (file string) {
	c.t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	c.must(err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	c.must(err)
	text := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	s.addPEM("Google key", text)
	b, err := json.Marshal(map[string]string{
		"type": "service_account", "project_id": "p", "private_key_id": "1", "private_key": text,
		"client_email": "netsy@p.iam.gserviceaccount.com", "client_id": "1", "token_uri": tokenURL,
	})
	c.must(err)
	file = c.path("google.json")
	c.must(os.WriteFile(file, b, 0o600))
	return file
}
