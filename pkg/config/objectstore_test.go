package config

import (
	"testing"

	"github.com/netsy-io/netsy/pkg/objectstore/open"
)

func TestStorageIsCarriedOverWhole(t *testing.T) {
	c, err := Parse("f", []byte(with("storage", `"key_prefix": "p", "class": "X", "encryption": "kms", "kms_key_id": "k",
		"region": "r", "endpoint": "http://h", "path_style": true`)))
	if err != nil {
		t.Fatal(err)
	}
	want := open.Config{Provider: open.ProviderS3, Bucket: "my-bucket", Prefix: "p", Class: "X", Encryption: open.EncryptionKMS,
		KMSKeyID: "k", Region: "r", Endpoint: "http://h", PathStyle: true}
	if got := c.Storage.Open(); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if EncryptionProvider != open.EncryptionProviderManaged || ProviderFile != open.ProviderFile || ProviderGCS != open.ProviderGCS {
		t.Error("the two packages' names differ")
	}
}
