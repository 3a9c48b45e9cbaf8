package config

import (
	"errors"
	"strings"
	"testing"
	"time"
)

const minimal = `{"cluster_id": "dev", "storage": {"provider": "s3", "bucket_name": "my-bucket"}}`

// The example of the design, to the letter but for the bucket's name.
const design = `{
  "cluster_id": "dev-cluster",
  "storage": {"provider": "s3", "bucket_name": "my-bucket", "key_prefix": "", "class": "STANDARD", "encryption": "provider-managed", "kms_key_id": ""},
  "heartbeat_interval": "500ms",
  "elector": {"degradation_count": 2, "deregistration_timeout": "3m", "primary_prior_timeout": "2s"},
  "replication": {"quorum": -1, "degradation_count": 2, "quorum_timeout": "1s",
                  "chunk_buffer": {"threshold_size_mb": 4, "threshold_age_minutes": 1}},
  "snapshot": {"threshold_records": 10000, "threshold_size_mb": 10000, "threshold_age_minutes": 0, "retention": "1h", "keep": 3},
  "compaction_interval": "5m",
  "etcd_api": "kubernetes"
}`

func TestDefaultsAreTheDesigns(t *testing.T) {
	a, err := Parse("f", []byte(design))
	if err != nil {
		t.Fatal(err)
	}
	b, err := Parse("f", []byte(strings.Replace(minimal, `"dev"`, `"dev-cluster"`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	if *a != *b {
		t.Errorf("the design's values\n%+v\ndiffer from the defaults\n%+v", *a, *b)
	}
	if a.HeartbeatInterval != 500*time.Millisecond || a.Replication.Quorum != QuorumMajority || a.Snapshot.Keep != 3 ||
		a.CompactionInterval != 5*time.Minute || a.EtcdAPI != APIKubernetes {
		t.Errorf("got %+v", *a)
	}
}

// with sets one more member in the minimal file.
func with(section, member string) string {
	if section == "storage" {
		return strings.Replace(minimal, `"provider"`, member+`, "provider"`, 1)
	}
	if section != "" {
		member = `"` + section + `": {` + member + `}`
	}
	return strings.Replace(minimal, `"cluster_id"`, member+`, "cluster_id"`, 1)
}

func TestParseAccepts(t *testing.T) {
	for _, tc := range []struct {
		src   string
		check func(*Cluster) bool
	}{
		{"// a comment\n" + strings.Replace(minimal, `}}`, `,},}`, 1), func(c *Cluster) bool { return c.ClusterID == "dev" }},
		{with("", `"compaction_interval": "0"`), func(c *Cluster) bool { return c.CompactionInterval == 0 }},
		{with("elector", `"primary_prior_timeout": "3333333334ns"`), func(c *Cluster) bool { return c.LeaseDuration() == 3*time.Second }},
		{with("", `"etcd_api": "etcd"`), func(c *Cluster) bool { return c.EtcdAPI == APIEtcd }},
		{with("replication", `"quorum": 0`), func(c *Cluster) bool { return c.Replication.Quorum == 0 }},
		{with("replication", `"chunk_buffer": {"threshold_size_mb": 64}`), func(c *Cluster) bool { return c.Replication.ChunkBuffer.ThresholdSizeMB == 64 }},
		{with("storage", `"endpoint": "http://127.0.0.1:9000", "path_style": true, "region": "eu-west-1"`),
			func(c *Cluster) bool { return c.Storage.PathStyle && c.Storage.Region == "eu-west-1" }},
		{with("storage", `"encryption": "kms", "kms_key_id": "alias/x"`), func(c *Cluster) bool { return c.Storage.KMSKeyID == "alias/x" }},
		{with("storage", `"encryption": "kms"`), func(c *Cluster) bool { return c.Storage.Encryption == EncryptionKMS }},
		{with("storage", `"key_prefix": "prod/a/"`), func(c *Cluster) bool { return c.Storage.KeyPrefix == "prod/a/" }},
		{with("storage", `"class": ""`), func(c *Cluster) bool { return c.Storage.Class == "" }},
		{`{"cluster_id": "dev", "storage": {"provider": "file", "bucket_name": "/var/lib/bucket"}}`,
			func(c *Cluster) bool { return c.Storage.BucketName == "/var/lib/bucket" }},
	} {
		c, err := Parse("f", []byte(tc.src))
		if err != nil {
			t.Errorf("%s: %v", tc.src, err)
		} else if !tc.check(c) {
			t.Errorf("%s: got %+v", tc.src, *c)
		}
	}
}

// Each mistake alone gives exactly one problem, at the right path.
func TestParseRefuses(t *testing.T) {
	for _, tc := range []struct{ src, path, says string }{
		{``, "", "not valid JSON"},
		{`{`, "", "not valid JSON"},
		{minimal + `x`, "", "not valid JSON"},
		{`[]`, "", "must be an object (got an array)"},
		{`"x"`, "", `must be an object in braces (got "x")`},
		{`null`, "", "must be an object in braces (got null)"},
		{`{"storage": {"provider": "s3", "bucket_name": "my-bucket"}}`, "cluster_id", "is required: lowercase"},
		{`{"cluster_id": "a", "storage": {"provider": "s3"}}`, "storage.bucket_name", "is required"},
		{`{"cluster_id": "a", "storage": "s3"}`, "storage", `must be an object in braces (got "s3")`},
		{`{"cluster_id": "a", "storage": []}`, "storage", "must be an object (got an array)"},
		{strings.Replace(minimal, `"dev"`, `"Dev"`, 1), "cluster_id", `must be lowercase letters, digits and single hyphens (got "Dev")`},
		{strings.Replace(minimal, `"dev"`, `5`, 1), "cluster_id", "must be a string in quotes (got 5)"},
		{strings.Replace(minimal, `"dev"`, `null`, 1), "cluster_id", "must not be null"},
		{strings.Replace(minimal, `"dev"`, `{}`, 1), "cluster_id", "must be a string (got an object)"},
		{strings.Replace(minimal, `"dev"`, `["a"]`, 1), "cluster_id", "must be a string (got an array)"},
		{strings.Replace(minimal, `"s3"`, `"s4"`, 1), "storage.provider", `did you mean "s3"?`},
		{strings.Replace(minimal, `"my-bucket"`, `"My Bucket"`, 1), "storage.bucket_name", "must be the name of a bucket"},
		{strings.Replace(minimal, `"my-bucket"`, `""`, 1), "storage.bucket_name", "must not be empty"},
		{strings.Replace(minimal, `"s3"`, `"file"`, 1), "storage.bucket_name", "must be the absolute path"},
		{with("", `"clusterid": 1`), "clusterid", `is not a setting - did you mean "cluster_id"?`},
		{with("", `"quorum": 1`), "quorum", `did you mean "replication.quorum"?`},
		{with("", `"heartbeat-interval": "1s"`), "heartbeat-interval", `did you mean "heartbeat_interval"?`},
		{with("", `"utterly_else": 1`), "utterly_else", "is not a setting"},
		{with("", `"replication.quorum": 1`), "replication.quorum", "write it as nested objects, {replication: {quorum: ...}}"},
		{with("", `"": 1`), "", "is not a setting"},
		{with("replication", `"chunk_bufer": {"threshold_size_mb": 1}`), "replication.chunk_bufer", `did you mean "chunk_buffer"?`},
		{with("", `"cluster_id": "x"`), "cluster_id", "is given twice (first on line 1)"},
		{with("storage", `"provider": "s3"`), "storage.provider", "is given twice"},
		{with("replication", `"chunk_buffer": {"threshold_size_mb": 0}`), "replication.chunk_buffer.threshold_size_mb", "must be between 1 and 64 (got 0)"},
		{with("replication", `"chunk_buffer": {"threshold_size_mb": 65}`), "replication.chunk_buffer.threshold_size_mb", "must be between 1 and 64 (got 65)"},
		{with("replication", `"chunk_buffer": {"threshold_size_mb": 1e9999}`), "replication.chunk_buffer.threshold_size_mb", "must be a whole number"},
		{with("replication", `"chunk_buffer": {"threshold_size_mb": 99999999999999999999}`), "replication.chunk_buffer.threshold_size_mb", "must be between"},
		{with("replication", `"chunk_buffer": 4`), "replication.chunk_buffer", "must be an object in braces (got 4)"},
		{with("replication", `"quorum": "-1"`), "replication.quorum", "must be a number without quotes"},
		{with("replication", `"quorum": 1.5`), "replication.quorum", "must be a whole number"},
		{with("replication", `"quorum": -2`), "replication.quorum", "must be between -1 and 63 (got -2)"},
		{with("", `"heartbeat_interval": 1`), "heartbeat_interval", "must be a duration in quotes"},
		{with("", `"heartbeat_interval": "1"`), "heartbeat_interval", `must be a duration such as "1s"`},
		{with("", `"heartbeat_interval": "0"`), "heartbeat_interval", "must be 50ms to 30s"},
		{with("", `"compaction_interval": "-1s"`), "compaction_interval", `must be 1s to 24h, or "0" for never (got "-1s")`},
		{with("storage", `"path_style": "true"`), "storage.path_style", "must be true or false without quotes"},
		{with("storage", `"key_prefix": "/a"`), "storage.key_prefix", "must not begin with a slash"},
		{with("storage", `"key_prefix": "a/../b"`), "storage.key_prefix", "can't be used in object keys"},
		{with("storage", `"class": "GLACIER"`), "storage.class", "must be restored first"},
		{with("storage", `"class": "standard"`), "storage.class", "must be capital letters"},
		{with("storage", `"endpoint": "localhost:9000"`), "storage.endpoint", "must be a URL"},
		{with("storage", `"endpoint": "https://u:p@h"`), "storage.endpoint", "must have no user"},
		{with("storage", `"region": "eu west"`), "storage.region", "must be letters"},
		{with("storage", `"kms_key_id": "a b", "encryption": "kms"`), "storage.kms_key_id", "must not contain spaces"},
		{with("snapshot", `"keep": 1`), "snapshot.keep", "must be between 2 and 1000"},
		{with("snapshot", `"retention": "5m"`), "snapshot.retention", "must be 10m to 8760h"},
		// contradictions
		{with("storage", `"kms_key_id": "alias/x"`), "storage.kms_key_id", `set that to "kms"`},
		{with("elector", `"primary_prior_timeout": "1.5s"`), "elector.primary_prior_timeout", "must be at least 1.667s, so that a read lease outlives 2 lost heartbeats of 500ms (got 1.5s)"},
		{with("", `"heartbeat_interval": "2s"`), "elector.primary_prior_timeout", "must be at least 6.667s"},
		{with("elector", `"degradation_count": 10`), "elector.primary_prior_timeout", "must be at least 6.112s"},
		{with("elector", `"deregistration_timeout": "2s"`), "elector.deregistration_timeout", "must be longer than elector.primary_prior_timeout, 2s"},
		{with("snapshot", `"threshold_records": 0, "threshold_size_mb": 0`), "snapshot.threshold_records", "no snapshot would ever be written"},
		{strings.Replace(with("storage", `"encryption": "kms"`), `"s3"`, `"gcs"`, 1), "storage.kms_key_id", "must name the key"},
		{strings.Replace(with("storage", `"region": "eu"`), `"s3"`, `"gcs"`, 1), "storage.region", `no meaning for provider "gcs"`},
		{strings.Replace(with("storage", `"path_style": true`), `"s3"`, `"gcs"`, 1), "storage.path_style", "no meaning"},
		{strings.NewReplacer(`"s3"`, `"file"`, `"my-bucket"`, `"/b"`).Replace(with("storage", `"endpoint": "http://h"`)), "storage.endpoint", "no meaning"},
		{strings.NewReplacer(`"s3"`, `"file"`, `"my-bucket"`, `"/b"`).Replace(with("storage", `"encryption": "kms"`)), "storage.encryption", "encrypt the disk"},
		{strings.Repeat(" ", maxFileSize) + minimal, "", "a cluster file has at most"},
	} {
		c, err := Parse("f", []byte(tc.src))
		var ps Problems
		if !errors.As(err, &ps) || c != nil {
			t.Errorf("%.300s: accepted (%v)", tc.src, err)
			continue
		}
		if len(ps) != 1 || ps[0].Path != tc.path || !strings.Contains(ps[0].Message, tc.says) {
			t.Errorf("%.300s:\n got %v\nwant %s: %s", tc.src, err, tc.path, tc.says)
		}
	}
}

// All at once, in the order of the file, with line and column.
func TestParseReportsEverything(t *testing.T) {
	_, err := Parse("cluster.jsonc", []byte(`{
  // no cluster_id
  "storage": {
    "provider": "s3", "bucket_name": "my-bucket",
    "kms_key_id": "alias/x",
    "bucket": "b"
  },
  "heartbeat_interval": 1,
  "elector": {"primary_prior_timeout": "1s", "deregistration_timeout": "1s"},
  "replication": {"chunk_buffer": {"threshold_size_mb": 0}, "chunk_buffer": {}},
}`))
	want := `configuration: 7 problems
  cluster.jsonc: cluster_id: is required: lowercase letters, digits, single hyphens, at most 32
  cluster.jsonc:5:5: storage.kms_key_id: is given but storage.encryption is "provider-managed": set that to "kms", or leave the key out
  cluster.jsonc:6:5: storage.bucket: is not a setting - did you mean "bucket_name"?
  cluster.jsonc:8:25: heartbeat_interval: must be a duration in quotes, such as "50ms" (got 1)
  cluster.jsonc:9:46: elector.deregistration_timeout: must be longer than elector.primary_prior_timeout, 1s (got 1s)
  cluster.jsonc:10:57: replication.chunk_buffer.threshold_size_mb: must be between 1 and 64 (got 0)
  cluster.jsonc:10:61: replication.chunk_buffer: is given twice (first on line 10)`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestSyntaxErrorsHaveAPlace(t *testing.T) {
	_, err := Parse("f", []byte("{\n  \"cluster_id\" 1}"))
	if ps := Problems(nil); !errors.As(err, &ps) || ps[0].Line != 2 || ps[0].Column != 16 {
		t.Errorf("got %v", err)
	}
}

func TestLoadNamesTheFile(t *testing.T) {
	if _, err := Load("/no/such/file"); err == nil || !strings.Contains(err.Error(), "/no/such/file") {
		t.Errorf("got %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{minimal, design, Sample(), `{"a":`, `{"storage": null}`, `{"": {"": 1}}`, "{\"cluster_id\": \"\\ud800\"}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := Parse("f", b)
		if (c == nil) == (err == nil) {
			t.Fatalf("got %v and %v", c, err)
		}
		if ps, ok := err.(Problems); err != nil && (!ok || len(ps) == 0 || ps.Error() == "") {
			t.Fatalf("error %#v is not problems", err)
		}
		if err == nil && (c.ClusterID == "" || len(c.contradictions()) != 0) {
			t.Fatalf("accepted %+v", c)
		}
	})
}
