package deploy

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	corev1 "k8s.io/api/core/v1"
)

// resources of the objects that kube-apiserver knows by itself.
var resources = map[string]string{
	"ConfigMap": "configmaps", "Service": "services", "ServiceAccount": "serviceaccounts", "StatefulSet": "statefulsets", "Deployment": "deployments",
	"CronJob": "cronjobs", "PodDisruptionBudget": "poddisruptionbudgets", "NetworkPolicy": "networkpolicies",
}

// TestServerSideDryRun: an unmodified kube-apiserver, on a Netsy of one node, validates every object
// of every example; and each pod, made of its template, passes Pod Security's level "restricted".
func TestServerSideDryRun(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs kube-apiserver")
	}
	cfg := startAPIServer(t)
	core, err := kubernetes.NewForConfig(cfg)
	check(t, err)
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace, Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"}}}
	_, err = core.CoreV1().Namespaces().Create(t.Context(), ns, metav1.CreateOptions{})
	check(t, err)
	client, err := dynamic.NewForConfig(cfg)
	check(t, err)
	dryRun := metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}, FieldValidation: metav1.FieldValidationStrict}
	for _, file := range exampleNames(t) {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			r, err := render(release, values(t, file))
			check(t, err)
			for _, doc := range strings.Split("\n"+r.manifest, "\n---\n") {
				u := &unstructured.Unstructured{}
				check(t, yaml.Unmarshal([]byte(doc), &u.Object))
				if len(u.Object) == 0 || u.GroupVersionKind().Group == "monitoring.coreos.com" { // the Prometheus operator's, whose types have decoded it
					continue
				}
				gv, err := schema.ParseGroupVersion(u.GetAPIVersion())
				check(t, err)
				if _, err := client.Resource(gv.WithResource(resources[u.GetKind()])).Namespace(namespace).Create(t.Context(), u, dryRun); err != nil {
					t.Errorf("%s %s: %v", u.GetKind(), u.GetName(), err)
				}
			}
			for component, pod := range decode(t, r.manifest).pods() {
				p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: component, Labels: pod.Labels}, Spec: pod.Spec}
				if component == "node" { // a StatefulSet adds what its claims are
					p.Spec.Volumes = append(p.Spec.Volumes[:len(p.Spec.Volumes):len(p.Spec.Volumes)], missing(p.Spec, "data")...)
				}
				if _, err := core.CoreV1().Pods(namespace).Create(t.Context(), p, dryRun); err != nil {
					t.Errorf("pod of %s: %v", component, err)
				}
			}
		})
	}
	// The check of the check: what isn't restricted is refused.
	bad := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "bad"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "x", Image: "x"}}}}
	if _, err := core.CoreV1().Pods(namespace).Create(t.Context(), bad, dryRun); err == nil || !strings.Contains(err.Error(), "PodSecurity") {
		t.Errorf("a pod without a security context: %v", err)
	}
}

// missing is a volume of the name, if the pod has none.
func missing(s corev1.PodSpec, name string) []corev1.Volume {
	for _, v := range s.Volumes {
		if v.Name == name {
			return nil
		}
	}
	claim := &corev1.PersistentVolumeClaimVolumeSource{ClaimName: name}
	return []corev1.Volume{{Name: name, VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: claim}}}
}

// startAPIServer runs `netsyctl dev` and a kube-apiserver on it until the test ends.
func startAPIServer(t *testing.T) *rest.Config {
	t.Helper()
	dir := t.TempDir()
	client, peer, secure := port(t), port(t), port(t)
	background(t, dir, filepath.Join(binaries, "netsyctl"), "dev", "--dir", filepath.Join(dir, "netsy"), "--etcd-api", "kubernetes", "--client-port", client, "--peer-port", peer)
	listening(t, "127.0.0.1:"+client)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	check(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	check(t, err)
	keyFile, tokens, certs := filepath.Join(dir, "sa.key"), filepath.Join(dir, "tokens.csv"), filepath.Join(dir, "apiserver")
	check(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
	check(t, os.WriteFile(tokens, []byte(`test-admin,admin,admin,"system:masters"`+"\n"), 0o600))
	pki := filepath.Join(dir, "netsy/certs/")
	background(t, dir, buildAPIServer(t),
		"--etcd-servers=https://localhost:"+client, "--etcd-cafile="+filepath.Join(pki, "ca.crt"),
		"--etcd-certfile="+filepath.Join(pki, "client.crt"), "--etcd-keyfile="+filepath.Join(pki, "client.key"),
		"--bind-address=127.0.0.1", "--secure-port="+secure, "--cert-dir="+certs, "--advertise-address=192.0.2.1",
		"--token-auth-file="+tokens, "--authorization-mode=RBAC", "--service-cluster-ip-range=10.96.0.0/16",
		"--service-account-issuer=https://kubernetes.test", "--service-account-key-file="+keyFile, "--service-account-signing-key-file="+keyFile,
		"--disable-admission-plugins=ServiceAccount", // its objects come from controllers that don't run here
	)
	cfg := &rest.Config{
		Host: "https://127.0.0.1:" + secure, BearerToken: "test-admin", QPS: -1,
		TLSClientConfig: rest.TLSClientConfig{CAFile: filepath.Join(certs, "apiserver.crt"), ServerName: "kubernetes.default.svc"},
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		err := ready(ctx, cfg)
		if err == nil {
			return cfg
		}
		select {
		case <-ctx.Done():
			t.Fatalf("kube-apiserver isn't ready: %v", err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// listening waits until something does.
func listening(t *testing.T, addr string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			check(t, c.Close())
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

func ready(ctx context.Context, cfg *rest.Config) error {
	client, err := kubernetes.NewForConfig(cfg) // its certificate is there once it has made it
	if err != nil {
		return err
	}
	return client.RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
}

// buildAPIServer builds the one of test/kubernetes, which is where it is found built after that.
func buildAPIServer(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	check(t, err)
	path := filepath.Join(cache, "netsy-kubernetes", "cmd-kube-apiserver")
	cmd := exec.Command("go", "build", "-p", "2", "-ldflags", "-s -w -X k8s.io/component-base/version.gitVersion=v1.34.4", "-o", path, "k8s.io/kubernetes/cmd/kube-apiserver")
	cmd.Dir = root + "/test/kubernetes"
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
	return path
}

func port(t *testing.T) string {
	_, p, err := net.SplitHostPort(freePort(t))
	check(t, err)
	return p
}

// background runs a program until the test ends, and shows what it said if the test has failed.
func background(t *testing.T, dir, path string, args ...string) {
	t.Helper()
	out, err := os.CreateTemp(dir, "log-")
	check(t, err)
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	check(t, cmd.Start())
	t.Cleanup(func() {
		err := errors.Join(cmd.Process.Kill(), ignoreExit(cmd.Wait()), out.Close())
		if t.Failed() {
			b, _ := os.ReadFile(out.Name())
			t.Logf("%s: %v\n%s", filepath.Base(path), err, b[max(0, len(b)-8000):])
		}
	})
}

func ignoreExit(err error) error {
	if e := (*exec.ExitError)(nil); errors.As(err, &e) {
		return nil
	}
	return err
}
