package config

import (
	"fmt"
	"path/filepath"
	"regexp"
	"time"
)

// contradiction is a mistake that shows only when fields are seen together. path
// is the field to change, others those it is at odds with.
type contradiction struct {
	path    string
	others  []string
	message string
}

// contradictions finds every one. It is given fields that are each valid; what it
// says of a field that isn't is dropped by the caller.
func (c *Cluster) contradictions() []contradiction {
	var out []contradiction
	add := func(bad bool, path string, others []string, format string, args ...any) {
		if bad {
			out = append(out, contradiction{path, others, fmt.Sprintf(format, args...)})
		}
	}
	c.checkTiming(add)
	c.checkStorage(add)
	c.checkSnapshot(add)
	return out
}

type addFunc func(bad bool, path string, others []string, format string, args ...any)

func (c *Cluster) checkTiming(add addFunc) {
	least := MinPrimaryPriorTimeout(c.HeartbeatInterval, c.Elector.DegradationCount)
	prior := c.Elector.PrimaryPriorTimeout
	add(prior < least, "elector.primary_prior_timeout", []string{"heartbeat_interval", "elector.degradation_count"},
		"must be at least %s, so that a read lease outlives %d lost heartbeats of %s (got %s)",
		showDuration(roundUp(least)), c.Elector.DegradationCount, showDuration(c.HeartbeatInterval), showDuration(prior))
	add(c.Elector.DeregistrationTimeout <= prior, "elector.deregistration_timeout", []string{"elector.primary_prior_timeout"},
		"must be longer than elector.primary_prior_timeout, %s (got %s)",
		showDuration(prior), showDuration(c.Elector.DeregistrationTimeout))
}

// roundUp makes a limit fit to be read and typed.
func roundUp(d time.Duration) time.Duration {
	if r := d.Round(time.Millisecond); r >= d {
		return r
	}
	return d.Round(time.Millisecond) + time.Millisecond
}

var bucketForm = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$`)

func (c *Cluster) checkStorage(add addFunc) {
	s, provider := c.Storage, []string{"storage.provider"}
	isFile, isS3 := s.Provider == ProviderFile, s.Provider == ProviderS3
	add(isFile && !filepath.IsAbs(s.BucketName), "storage.bucket_name", provider,
		"must be the absolute path of a directory for provider \"file\" (got %q)", s.BucketName)
	add(!isFile && !bucketForm.MatchString(s.BucketName), "storage.bucket_name", provider,
		"must be the name of a bucket, 3 to 222 of a-z 0-9 . _ - (got %q)", s.BucketName)
	add(isFile && s.Encryption == EncryptionKMS, "storage.encryption", provider,
		"must not be \"kms\" for provider \"file\": encrypt the disk instead")
	add(s.KMSKeyID != "" && s.Encryption != EncryptionKMS, "storage.kms_key_id", []string{"storage.encryption"},
		"is given but storage.encryption is %q: set that to \"kms\", or leave the key out", s.Encryption)
	add(s.Provider == ProviderGCS && s.Encryption == EncryptionKMS && s.KMSKeyID == "", "storage.kms_key_id",
		[]string{"storage.provider", "storage.encryption"}, "must name the key for encryption \"kms\" with provider \"gcs\"")
	add(isFile && s.Endpoint != "", "storage.endpoint", provider, "has no meaning for provider \"file\": leave it out")
	add(!isS3 && s.Region != "", "storage.region", provider, "has no meaning for provider %q: leave it out", s.Provider)
	add(!isS3 && s.PathStyle, "storage.path_style", provider, "has no meaning for provider %q: leave it out", s.Provider)
}

func (c *Cluster) checkSnapshot(add addFunc) {
	s := c.Snapshot
	add(s.ThresholdRecords == 0 && s.ThresholdSizeMB == 0 && s.ThresholdAgeMinutes == 0, "snapshot.threshold_records",
		[]string{"snapshot.threshold_size_mb", "snapshot.threshold_age_minutes"},
		"must not be 0 when the size and age thresholds are: no snapshot would ever be written and the log would grow for ever")
}
