package open

import (
	"errors"
	"strings"
	"testing"

	"github.com/netsy-io/netsy/pkg/objectstore"
)

func TestOpenFile(t *testing.T) {
	s, err := Open(t.Context(), Config{Provider: ProviderFile, Bucket: t.TempDir(), Prefix: "p"})
	if err != nil {
		t.Fatal(err)
	}
	if err := objectstore.Probe(t.Context(), s); err != nil {
		t.Fatal(err)
	}
}

func TestRefusals(t *testing.T) {
	for want, cfg := range map[string]Config{
		"provider":             {Provider: "azure", Bucket: "b"},
		"no bucket":            {Provider: ProviderS3},
		"no directory":         {Provider: ProviderFile},
		"encryption":           {Provider: ProviderS3, Bucket: "b", Encryption: "rot13"},
		"kms_key_id is given":  {Provider: ProviderS3, Bucket: "b", KMSKeyID: "k"},
		"no kms_key_id":        {Provider: ProviderGCS, Bucket: "b", Encryption: EncryptionKMS},
		"does not encrypt":     {Provider: ProviderFile, Bucket: "b", Encryption: EncryptionKMS},
		"region":               {Provider: ProviderGCS, Bucket: "b", Region: "r"},
		"key prefix":           {Provider: ProviderGCS, Bucket: "b", Prefix: "a//b"},
		"can't be read at":     {Provider: ProviderS3, Bucket: "b", Class: "GLACIER"},
		"endpoint":             {Provider: ProviderGCS, Bucket: "b", Endpoint: "nohost"},
		"timeout -1ns is nega": {Provider: ProviderS3, Bucket: "b", Timeout: -1},
	} {
		s, err := Open(t.Context(), cfg)
		if s != nil || !errors.Is(err, objectstore.ErrPermanent) || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, expected %q", cfg, err, want)
		}
	}
}
