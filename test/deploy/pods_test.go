package deploy

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/netsy-io/netsy/pkg/config"
	"github.com/netsy-io/netsy/pkg/identity"
)

// programsOf says which program each component runs.
var programsOf = map[string]config.Program{"node": config.NodeProgram, "elector": config.ElectorProgram, "compactor": config.CompactorProgram}

// TestClusterFile: what is rendered is what the values say, and pkg/config takes it.
func TestClusterFile(t *testing.T) {
	forExamples(t, func(t *testing.T, vals map[string]any, objs objects) {
		cm := get[corev1.ConfigMap](t, objs, "ConfigMap/prod-netsy")
		if len(cm.Data) != 1 {
			t.Fatalf("the ConfigMap holds %v", cm.Data)
		}
		c, err := config.Parse("cluster.jsonc", []byte(cm.Data["cluster.jsonc"]))
		check(t, err)
		if want := vals["cluster"].(map[string]any)["cluster_id"]; c.ClusterID != want {
			t.Errorf("cluster_id is %q, want %q", c.ClusterID, want)
		}
	})
	c, err := config.Parse("cluster.jsonc", []byte(get[corev1.ConfigMap](t, mustRender(t, values(t, chartDir+"/ci/s3-compatible.yaml")), "ConfigMap/prod-netsy").Data["cluster.jsonc"]))
	check(t, err)
	if c.Snapshot.ThresholdRecords != 1<<30 || c.HeartbeatInterval != 250*time.Millisecond || c.Storage.Class != "" || !c.Storage.PathStyle {
		t.Errorf("the cluster file of s3-compatible: %+v", c)
	}
}

// TestSecurity: what no pod of Netsy needs, no container has.
func TestSecurity(t *testing.T) {
	forExamples(t, func(t *testing.T, _ map[string]any, objs objects) {
		for component, pod := range objs.pods() {
			s := pod.Spec
			p := s.SecurityContext
			switch {
			case s.AutomountServiceAccountToken == nil || *s.AutomountServiceAccountToken:
				t.Errorf("%s: the service account's token is mounted", component)
			case s.HostNetwork || s.HostPID || s.HostIPC:
				t.Errorf("%s: it shares the host's namespaces", component)
			case p == nil || p.RunAsNonRoot == nil || !*p.RunAsNonRoot || p.RunAsUser == nil || *p.RunAsUser == 0 || p.RunAsGroup == nil || *p.RunAsGroup == 0 || p.FSGroup == nil:
				t.Errorf("%s: it may run as root: %+v", component, p)
			case p.SeccompProfile == nil || p.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault:
				t.Errorf("%s: no seccomp profile", component)
			}
			if len(s.InitContainers) != 0 || len(s.Containers) != 1 {
				t.Fatalf("%s: it has other containers", component)
			}
			restricted(t, component, s.Containers[0])
			for _, v := range s.Volumes {
				if v.HostPath != nil {
					t.Errorf("%s: volume %s is the host's", component, v.Name)
				}
			}
		}
	})
}

func restricted(t *testing.T, component string, c corev1.Container) {
	t.Helper()
	s := c.SecurityContext
	no := func(b *bool) bool { return b != nil && !*b }
	yes := func(b *bool) bool { return b != nil && *b }
	switch {
	case s == nil:
		t.Errorf("%s: no security context", component)
	case !no(s.AllowPrivilegeEscalation) || !no(s.Privileged) || !yes(s.ReadOnlyRootFilesystem) || !yes(s.RunAsNonRoot):
		t.Errorf("%s: may do more than it needs: %+v", component, s)
	case s.Capabilities == nil || len(s.Capabilities.Add) > 0 || !slices.Equal(s.Capabilities.Drop, []corev1.Capability{"ALL"}):
		t.Errorf("%s: has capabilities: %+v", component, s.Capabilities)
	case s.SeccompProfile == nil || s.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault:
		t.Errorf("%s: no seccomp profile", component)
	case c.Resources.Requests.Memory().IsZero() || c.Resources.Requests.Cpu().IsZero() || c.Resources.Limits.Memory().IsZero():
		t.Errorf("%s: no resources: %+v", component, c.Resources)
	}
}

// TestSecretsStaySecret: credentials come by reference only.
func TestSecretsStaySecret(t *testing.T) {
	secret := regexp.MustCompile(`(?i)secret|token|password|access_key|credential`)
	forExamples(t, func(t *testing.T, _ map[string]any, objs objects) {
		for key, o := range objs {
			if cm, ok := o.(*corev1.ConfigMap); ok {
				for k, v := range cm.Data {
					if m := secret.FindString(k + v); m != "" {
						t.Errorf("%s holds %q", key, m)
					}
				}
			}
		}
		for component, pod := range objs.pods() {
			for _, e := range pod.Spec.Containers[0].Env {
				if secret.MatchString(e.Name) && e.Name != "GOOGLE_APPLICATION_CREDENTIALS" && (e.ValueFrom == nil || e.ValueFrom.SecretKeyRef == nil) {
					t.Errorf("%s: %s isn't from a Secret", component, e.Name)
				}
			}
		}
	})
}

// TestEnvironment: each NETSY_ variable is known to the program that gets it, and is given once.
func TestEnvironment(t *testing.T) {
	forExamples(t, func(t *testing.T, _ map[string]any, objs objects) {
		for component, pod := range objs.pods() {
			known := knownVariables(t, programsOf[component])
			seen := map[string]bool{}
			for _, e := range pod.Spec.Containers[0].Env {
				if strings.HasPrefix(e.Name, "NETSY_") && !known[e.Name] {
					t.Errorf("%s: netsy-%s doesn't know %s", component, component, e.Name)
				}
				if seen[e.Name] {
					t.Errorf("%s: %s is given twice", component, e.Name)
				}
				for _, ref := range regexp.MustCompile(`\$\(([A-Z_]+)\)`).FindAllStringSubmatch(e.Value, -1) {
					if !seen[ref[1]] {
						t.Errorf("%s: %s refers to %s, which isn't given before it", component, e.Name, ref[1])
					}
				}
				seen[e.Name] = true
			}
		}
	})
}

// knownVariables asks pkg/config, and the program's help for what is its own.
func knownVariables(t *testing.T, p config.Program) map[string]bool {
	known := map[string]bool{}
	for _, f := range config.Flags(p) {
		for _, name := range envOf(f) {
			known[name] = true
		}
	}
	for _, m := range regexp.MustCompile(`\[\$(NETSY_[A-Z_]+)\]`).FindAllStringSubmatch(mustRun(t, nil, p.String(), "--help"), -1) {
		known[m[1]] = true
	}
	return known
}

func envOf(f any) []string {
	if f, ok := f.(interface{ GetEnvVars() []string }); ok {
		return f.GetEnvVars()
	}
	return nil
}

// sandbox is a directory that stands for a pod's file system.
type sandbox struct {
	dir string
	pod string
	env map[string]string
}

// inSandbox makes what the kubelet would: the cluster file, an environment, the volumes as
// directories; tls fills in the certificates.
func inSandbox(t *testing.T, objs objects, pod string, spec corev1.PodSpec) *sandbox {
	t.Helper()
	s := &sandbox{dir: t.TempDir(), pod: pod, env: map[string]string{}}
	for _, m := range spec.Containers[0].VolumeMounts {
		s.mount(t, objs, spec, m)
	}
	for _, e := range spec.Containers[0].Env {
		s.env[e.Name] = s.value(t, e)
	}
	return s
}

func (s *sandbox) mount(t *testing.T, objs objects, spec corev1.PodSpec, m corev1.VolumeMount) {
	t.Helper()
	v, claimed := volume(t, objs, spec, m.Name)
	path := filepath.Join(s.dir, m.MountPath)
	writable := v.EmptyDir != nil || claimed
	if m.ReadOnly == writable {
		t.Errorf("%s: mount %s: read-only is %v", s.pod, m.Name, m.ReadOnly)
	}
	if v.ConfigMap != nil && m.SubPath != "" {
		check(t, os.MkdirAll(filepath.Dir(path), 0o755))
		data, ok := get[corev1.ConfigMap](t, objs, "ConfigMap/"+v.ConfigMap.Name).Data[m.SubPath]
		if !ok {
			t.Fatalf("%s: ConfigMap %s has no %s", s.pod, v.ConfigMap.Name, m.SubPath)
		}
		check(t, os.WriteFile(path, []byte(data), 0o600))
		return
	}
	check(t, os.MkdirAll(path, 0o755))
}

// volume finds what a mount is of: a volume of the pod, or a claim of the StatefulSet.
func volume(t *testing.T, objs objects, spec corev1.PodSpec, name string) (v corev1.Volume, claimed bool) {
	t.Helper()
	if i := slices.IndexFunc(spec.Volumes, func(v corev1.Volume) bool { return v.Name == name }); i >= 0 {
		return spec.Volumes[i], false
	}
	for _, c := range get[appsv1.StatefulSet](t, objs, "StatefulSet/prod-netsy").Spec.VolumeClaimTemplates {
		if c.Name == name {
			return corev1.Volume{}, true
		}
	}
	t.Fatalf("%s is mounted, but no volume", name)
	return corev1.Volume{}, false
}

var podFields = map[string]string{"metadata.name": "", "status.podIP": "192.0.2.7"}

func (s *sandbox) value(t *testing.T, e corev1.EnvVar) string {
	t.Helper()
	if e.ValueFrom != nil {
		if e.ValueFrom.FieldRef == nil {
			return "from-a-secret"
		}
		v, ok := podFields[e.ValueFrom.FieldRef.FieldPath]
		if !ok {
			t.Fatalf("%s: unexpected field %s", s.pod, e.ValueFrom.FieldRef.FieldPath)
		}
		if v == "" {
			v = s.pod
		}
		return v
	}
	v := regexp.MustCompile(`\$\([A-Z_]+\)`).ReplaceAllStringFunc(e.Value, func(ref string) string { return s.env[ref[2:len(ref)-1]] })
	for _, own := range []string{"/etc/netsy", "/var/lib/netsy"} {
		if v == own || strings.HasPrefix(v, own+"/") {
			v = filepath.Join(s.dir, v)
		}
	}
	return v
}

func (s *sandbox) environ() (env []string) {
	for k, v := range s.env {
		env = append(env, k+"="+v)
	}
	return env
}

// issue writes the certificate that the volume holds in the pod: named as the notes say of a Secret,
// or as the CSI driver's attributes say.
func (s *sandbox) issue(t *testing.T, ca *identity.CA, spec corev1.PodSpec) {
	t.Helper()
	i := slices.IndexFunc(spec.Volumes, func(v corev1.Volume) bool { return v.Name == "tls" })
	if i < 0 {
		return // a compactor
	}
	name, id := s.pod, identity.Identity{ClusterID: ca.ClusterID, Role: identity.RolePeer, Name: s.pod}
	hosts := []string{"localhost"}
	if strings.Contains(s.pod, "elector") {
		name, id = "tls", identity.Identity{ClusterID: ca.ClusterID, Role: identity.RoleElector, Name: "prod-netsy-elector"}
	}
	if csi := spec.Volumes[i].CSI; csi != nil {
		name = "tls"
		var err error
		if id, err = identity.Parse(s.expand(csi.VolumeAttributes["csi.cert-manager.io/uri-sans"])); err != nil {
			t.Fatal(err)
		}
		hosts = strings.Split(s.expand(csi.VolumeAttributes["csi.cert-manager.io/dns-names"]), ",")
	}
	if id.ClusterID != ca.ClusterID {
		t.Fatalf("%s gets a certificate of cluster %s", s.pod, id.ClusterID)
	}
	pair, err := ca.Issue(identity.IssueRequest{Role: id.Role, Name: id.Name, DNS: hosts, Validity: time.Hour})
	check(t, err)
	dir := filepath.Join(s.dir, "etc/netsy/tls")
	check(t, pair.WriteFiles(filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key"), true))
	check(t, os.WriteFile(filepath.Join(dir, "ca.crt"), ca.CertPEM, 0o600))
}

func (s *sandbox) expand(text string) string {
	return os.Expand(text, func(name string) string {
		return map[string]string{"POD_NAME": s.pod, "POD_NAMESPACE": namespace}[name]
	})
}

// TestProgramsTakeTheirSettings: each pod's command, with its environment, files and a certificate as
// the volumes would hold, is valid to the program itself.
func TestProgramsTakeTheirSettings(t *testing.T) {
	forExamples(t, func(t *testing.T, vals map[string]any, objs objects) {
		clusterID := vals["cluster"].(map[string]any)["cluster_id"].(string)
		ca, err := identity.NewCA(clusterID, 2*time.Hour)
		check(t, err)
		pods := objs.pods()
		for component, names := range map[string][]string{
			"node": {"prod-netsy-0", "prod-netsy-62"}, "elector": {"prod-netsy-elector-6b8f9d7c55-x2x4z"}, "compactor": {"prod-netsy-compactor-29381234-7xkzq"},
		} {
			pod, ok := pods[component]
			if !ok {
				continue
			}
			for _, name := range names {
				s := inSandbox(t, objs, name, pod.Spec)
				s.issue(t, ca, pod.Spec)
				c := pod.Spec.Containers[0]
				out := mustRun(t, s.environ(), c.Command[0], append(slices.Clone(c.Args), "--validate")...)
				if !strings.Contains(out, "valid") {
					t.Errorf("%s: %s", name, out)
				}
			}
		}
		node := inSandbox(t, objs, "prod-netsy-1", pods["node"].Spec)
		for _, v := range []string{"NETSY_ADVERTISE_CLIENT", "NETSY_ADVERTISE_PEER"} {
			host, _, err := net.SplitHostPort(node.env[v])
			if want := "prod-netsy-1.prod-netsy-nodes.storage.svc.cluster.local"; err != nil || host != want {
				t.Errorf("%s is %q, want host %q", v, node.env[v], want)
			}
		}
	})
}

// TestTheWrongCertificateIsNoticed checks TestProgramsTakeTheirSettings.
func TestTheWrongCertificateIsNoticed(t *testing.T) {
	objs := mustRender(t, values(t, chartDir+"/ci/cert-manager.yaml"))
	spec := objs.pods()["node"].Spec
	ca, err := identity.NewCA("another", 2*time.Hour)
	check(t, err)
	s := inSandbox(t, objs, "prod-netsy-0", spec)
	i := slices.IndexFunc(spec.Volumes, func(v corev1.Volume) bool { return v.Name == "tls" })
	spec.Volumes[i].CSI.VolumeAttributes["csi.cert-manager.io/uri-sans"] = "netsy://another/peer/prod-netsy-0"
	s.issue(t, ca, spec)
	if out, err := command(s.environ(), "netsy-node", "--validate").CombinedOutput(); err == nil {
		t.Errorf("another cluster's certificate is taken: %s", out)
	}
}

// TestCertificates: what the CSI driver is asked for is what clients check.
func TestCertificates(t *testing.T) {
	objs := mustRender(t, values(t, chartDir+"/ci/cert-manager.yaml"))
	for component, want := range map[string][]string{
		"node":    {"netsy://prod/peer/${POD_NAME}", "${POD_NAME}.prod-netsy-nodes.storage.svc.cluster.local,prod-netsy.storage.svc,prod-netsy.storage.svc.cluster.local,localhost"},
		"elector": {"netsy://prod/elector/prod-netsy-elector", "prod-netsy-elector"},
	} {
		spec := objs.pods()[component].Spec
		i := slices.IndexFunc(spec.Volumes, func(v corev1.Volume) bool { return v.Name == "tls" })
		csi := spec.Volumes[i].CSI
		a := csi.VolumeAttributes
		if csi.Driver != "csi.cert-manager.io" || csi.ReadOnly == nil || !*csi.ReadOnly || a["csi.cert-manager.io/issuer-name"] != "netsy-ca" {
			t.Errorf("%s: %+v", component, csi)
		}
		if got := []string{a["csi.cert-manager.io/uri-sans"], a["csi.cert-manager.io/dns-names"]}; !slices.Equal(got, want) {
			t.Errorf("%s: certificate for %v, want %v", component, got, want)
		}
		if u := a["csi.cert-manager.io/key-usages"]; !strings.Contains(u, "server auth") || !strings.Contains(u, "client auth") {
			t.Errorf("%s: key usages %q", component, u)
		}
		if g := a["csi.cert-manager.io/fs-group"]; g != fmt.Sprint(*spec.SecurityContext.RunAsGroup) {
			t.Errorf("%s: its files belong to group %s", component, g)
		}
	}
}

// TestProbes asks running programs, on a directory as the bucket, for the paths that are probed; the
// port is the one that the program is told.
func TestProbes(t *testing.T) {
	objs := mustRender(t, values(t, chartDir+"/ci/s3-irsa.yaml"))
	for _, component := range []string{"node", "elector"} {
		spec := objs.pods()[component].Spec
		c := spec.Containers[0]
		ports := map[string]string{}
		for _, p := range c.Ports {
			ports[p.Name] = fmt.Sprintf(":%d", p.ContainerPort)
		}
		for _, e := range c.Env {
			if name, ok := strings.CutPrefix(e.Name, "NETSY_BIND_"); ok {
				if p := ports[strings.ToLower(name)]; p != e.Value {
					t.Errorf("%s binds %s to %s, its container port is %q", component, name, e.Value, p)
				}
				delete(ports, strings.ToLower(name))
			}
		}
		if len(ports) > 0 {
			t.Errorf("%s: nothing listens on %v", component, ports)
		}
		s := inSandbox(t, objs, map[string]string{"node": "prod-netsy-0", "elector": "prod-netsy-elector-a"}[component], spec)
		ca, err := identity.NewCA("prod", 2*time.Hour)
		check(t, err)
		s.issue(t, ca, spec)
		bucket := t.TempDir()
		cluster := fmt.Sprintf(`{"cluster_id": "prod", "storage": {"provider": "file", "bucket_name": %q}}`, bucket)
		check(t, os.WriteFile(s.env["NETSY_CONFIG"], []byte(cluster), 0o600))
		health := freePort(t)
		for _, v := range []string{"CLIENT", "PEER", "ELECTION"} {
			s.env["NETSY_BIND_"+v] = freePort(t)
			s.env["NETSY_ADVERTISE_"+v] = s.env["NETSY_BIND_"+v]
		}
		s.env["NETSY_BIND_HEALTH"] = health
		stop := start(t, s.environ(), c.Command[0])
		for name, want := range map[string]struct {
			probe *corev1.Probe
			path  string
		}{"startup": {c.StartupProbe, "/healthz"}, "liveness": {c.LivenessProbe, "/healthz"}, "readiness": {c.ReadinessProbe, "/readyz"}} {
			get := want.probe.HTTPGet
			if get == nil || get.Path != want.path || get.Port.String() != "health" || get.Scheme != "" {
				t.Errorf("%s: %s probe %+v", component, name, want.probe)
				continue
			}
			status := await(t, "http://"+health+get.Path)
			wantStatus := http.StatusOK
			if component == "node" && get.Path == "/readyz" {
				wantStatus = http.StatusServiceUnavailable // there is no elector
			}
			if status != wantStatus {
				t.Errorf("%s: %s answers %d, want %d", component, get.Path, status, wantStatus)
			}
		}
		stop()
	}
}

func freePort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer l.Close()
	return l.Addr().String()
}

// start runs a program until the returned function stops it, which must succeed.
func start(t *testing.T, env []string, program string, args ...string) (stop func()) {
	t.Helper()
	var out strings.Builder
	cmd := command(env, program, args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	check(t, cmd.Start())
	stopped := false
	t.Cleanup(func() {
		if !stopped {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			t.Logf("%s: %s", program, out.String())
		}
	})
	return func() {
		stopped = true
		check(t, cmd.Process.Signal(syscall.SIGTERM))
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v\n%s", program, err, out.String())
		}
	}
}

// await returns the status with which a URL answers, as soon as it does.
func await(t *testing.T, url string) int {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		resp, err := http.Get(url) //nolint:gosec // our own
		if err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			return resp.StatusCode
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s doesn't answer: %v", url, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// TestStop: Kubernetes waits for longer than a node's own stop may take.
func TestStop(t *testing.T) {
	drain, leave := seconds(t, "options.go", "drainTimeout"), seconds(t, "leave.go", "leaveTimeout")
	bound := 3*drain + leave // pkg/node, shutdown: twice drainTimeout for the reign, once for calls, then its leave
	forExamples(t, func(t *testing.T, _ map[string]any, objs objects) {
		s := objs.pods()["node"].Spec
		var sleep int64
		if l := s.Containers[0].Lifecycle; l != nil {
			sleep = l.PreStop.Sleep.Seconds
		}
		if left := *s.TerminationGracePeriodSeconds - sleep; left < bound+5 {
			t.Errorf("a node has %d s to stop, and needs up to %d s and something for its elector and disk", left, bound)
		}
	})
}

// seconds reads a constant such as 5 * time.Second from pkg/node.
func seconds(t *testing.T, file, name string) (n int64) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, "pkg/node", file), nil, 0)
	check(t, err)
	ast.Inspect(f, func(x ast.Node) bool {
		v, ok := x.(*ast.ValueSpec)
		if ok && v.Names[0].Name == name {
			_, err := fmt.Sscan(v.Values[0].(*ast.BinaryExpr).X.(*ast.BasicLit).Value, &n)
			check(t, err)
		}
		return true
	})
	if n == 0 {
		t.Fatalf("pkg/node/%s has no %s", file, name)
	}
	return n
}

// TestTogether: what must agree between objects does.
func TestTogether(t *testing.T) {
	forExamples(t, func(t *testing.T, _ map[string]any, objs objects) {
		sts := get[appsv1.StatefulSet](t, objs, "StatefulSet/prod-netsy")
		headless := get[corev1.Service](t, objs, "Service/"+sts.Spec.ServiceName)
		if headless.Spec.ClusterIP != "None" || !headless.Spec.PublishNotReadyAddresses {
			t.Errorf("nodes can't find each other before they are ready: %+v", headless.Spec)
		}
		if sts.Spec.PodManagementPolicy != appsv1.ParallelPodManagement {
			t.Error("after an outage the first node would wait for the others, which wait for it")
		}
		if sts.Spec.MinReadySeconds == 0 {
			t.Error("a rolling restart doesn't wait for voters")
		}
		for component, pod := range objs.pods() {
			if pod.Annotations["checksum/cluster-file"] == "" {
				t.Errorf("%s doesn't notice a new cluster file", component)
			}
			if component != "compactor" && (len(pod.Spec.TopologySpreadConstraints) != 1 || pod.Spec.Affinity == nil || pod.Spec.Affinity.PodAntiAffinity == nil) {
				t.Errorf("%s isn't spread", component)
			}
			for _, c := range pod.Spec.TopologySpreadConstraints {
				selects(t, component+"'s spread", c.LabelSelector, component, objs)
			}
		}
		selects(t, "the StatefulSet", sts.Spec.Selector, "node", objs)
		for key, o := range objs {
			switch o := o.(type) {
			case *corev1.Service:
				selects(t, key, &metav1.LabelSelector{MatchLabels: o.Spec.Selector}, "node", objs)
				for _, p := range o.Spec.Ports {
					if !slices.ContainsFunc(sts.Spec.Template.Spec.Containers[0].Ports, func(c corev1.ContainerPort) bool {
						return c.Name == p.TargetPort.String() && c.ContainerPort == p.Port
					}) {
						t.Errorf("%s: port %s is none of the node's", key, p.Name)
					}
				}
			case *policyv1.PodDisruptionBudget:
				component := "node"
				if strings.HasSuffix(o.Name, "-elector") {
					component = "elector"
				}
				selects(t, key, o.Spec.Selector, component, objs)
			case *networkingv1.NetworkPolicy:
				component := "node"
				for _, c := range []string{"elector", "compactor"} {
					if strings.HasSuffix(o.Name, "-"+c) {
						component = c
					}
				}
				selects(t, key, &o.Spec.PodSelector, component, objs)
			case *batchv1.CronJob:
				spec := o.Spec.JobTemplate.Spec.Template.Spec
				if o.Spec.ConcurrencyPolicy != batchv1.ForbidConcurrent || spec.RestartPolicy != corev1.RestartPolicyNever || !slices.Contains(spec.Containers[0].Args, "--once") {
					t.Errorf("the compactor's job: %+v", o.Spec)
				}
			}
		}
		_, single := objs["PodDisruptionBudget/prod-netsy"]
		if replicas := *sts.Spec.Replicas; single != (replicas > 1) {
			t.Errorf("%d nodes, disruption budget: %v", replicas, single)
		}
	})
}

// selects: a selector takes the pods of one component, and no others.
func selects(t *testing.T, what string, s *metav1.LabelSelector, component string, objs objects) {
	t.Helper()
	selector, err := metav1.LabelSelectorAsSelector(s)
	check(t, err)
	for c, pod := range objs.pods() {
		if got := selector.Matches(labelSet(pod.Labels)); got != (c == component) {
			t.Errorf("%s takes pods of %s: %v", what, c, got)
		}
	}
}

type labelSet map[string]string

func (l labelSet) Has(k string) bool              { _, ok := l[k]; return ok }
func (l labelSet) Get(k string) string            { return l[k] }
func (l labelSet) Lookup(k string) (string, bool) { v, ok := l[k]; return v, ok }

// TestDisks: emptyDir, or a claim that goes when its node does.
func TestDisks(t *testing.T) {
	for file, claimed := range map[string]bool{"s3-irsa": false, "s3-compatible": true} {
		sts := get[appsv1.StatefulSet](t, mustRender(t, values(t, chartDir+"/ci/"+file+".yaml")), "StatefulSet/prod-netsy")
		i := slices.IndexFunc(sts.Spec.Template.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == "data" })
		if claimed != (i < 0) || claimed != (len(sts.Spec.VolumeClaimTemplates) == 1) {
			t.Errorf("%s: data is a claim: %v", file, i < 0)
		}
		if p := sts.Spec.PersistentVolumeClaimRetentionPolicy; claimed && (p == nil || p.WhenScaled != appsv1.DeletePersistentVolumeClaimRetentionPolicyType || p.WhenDeleted != appsv1.RetainPersistentVolumeClaimRetentionPolicyType) {
			t.Errorf("%s: claims: %+v", file, p)
		}
	}
}
