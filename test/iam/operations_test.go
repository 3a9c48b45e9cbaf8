//go:build linux

package iam

import (
	"net/http/httptest"
	"strings"
	"testing"
)

// TestS3Operations is the documentation's table, as far as Netsy goes.
func TestS3Operations(t *testing.T) {
	const b, o = "arn:aws:s3:::netsy", "arn:aws:s3:::netsy/prod/chunks/1"
	kms := func(action string) string {
		return "kms:" + action + " on " + kmsKey + ` kms:EncryptionContext:aws:s3:arn="` + o + `" kms:ViaService="s3.us-east-1.amazonaws.com"` + "\n" +
			"kms:" + action + " on " + kmsKey + ` kms:EncryptionContext:aws:s3:arn="` + b + `" kms:ViaService="s3.us-east-1.amazonaws.com"`
	}
	encrypted := []string{"X-Amz-Server-Side-Encryption", "aws:kms", "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", kmsKey}
	for _, c := range []struct {
		method, query string
		headers       []string
		stored        string
		name          string
		needs         []string
		ifMissing     string
	}{
		{"GET", "x-id=GetObject", nil, "", "GetObject", []string{"s3:GetObject on " + o}, "s3:ListBucket on " + b + ` s3:prefix="prod/chunks/1"`},
		{"GET", "", []string{"If-Match", "x"}, kmsKey, "GetObject", []string{"s3:GetObject on " + o, kms("Decrypt")}, "s3:ListBucket on " + b + ` s3:prefix="prod/chunks/1"`},
		{"HEAD", "", nil, kmsKey, "HeadObject", []string{"s3:GetObject on " + o}, "s3:ListBucket on " + b + ` s3:prefix="prod/chunks/1"`},
		{"PUT", "", []string{"If-None-Match", "*", "X-Amz-Storage-Class", "STANDARD"}, "", "PutObject", []string{"s3:PutObject on " + o}, ""},
		{"PUT", "", []string{"If-Match", "x"}, "", "PutObject", []string{"s3:PutObject on " + o, "s3:GetObject on " + o}, ""},
		{"PUT", "", encrypted, "", "PutObject", []string{"s3:PutObject on " + o, kms("GenerateDataKey")}, ""},
		{"DELETE", "x-id=DeleteObject", nil, kmsKey, "DeleteObject", []string{"s3:DeleteObject on " + o}, ""},
		{"DELETE", "", []string{"If-Match", "x"}, "", "DeleteObject", []string{"s3:DeleteObject on " + o, "s3:GetObject on " + o}, ""},
		{"POST", "uploads=", encrypted, "", "CreateMultipartUpload", []string{"s3:PutObject on " + o, kms("GenerateDataKey"), kms("Decrypt")}, ""},
		{"PUT", "uploadId=u&partNumber=1", nil, "", "UploadPart", []string{"s3:PutObject on " + o}, ""},
		{"POST", "uploadId=u", nil, "", "CompleteMultipartUpload", []string{"s3:PutObject on " + o}, ""},
		{"DELETE", "uploadId=u", nil, "", "AbortMultipartUpload", []string{"s3:AbortMultipartUpload on " + o}, ""},
	} {
		r := httptest.NewRequest(c.method, "/netsy/prod/chunks/1?"+c.query, nil)
		for i := 0; i < len(c.headers); i += 2 {
			r.Header.Set(c.headers[i], c.headers[i+1])
		}
		op, err := S3(r, s3Region, S3Object{KMSKey: c.stored})
		if err != nil || op.Name != c.name || op.Key != "prod/chunks/1" || said(op.Needs) != strings.Join(c.needs, "\n") || said(op.IfMissing) != c.ifMissing {
			t.Errorf("%s %s %v: %+v, %v", c.method, c.query, c.headers, op, err)
		}
	}
	op, err := S3(httptest.NewRequest("GET", "/netsy?list-type=2&prefix=prod%2Fchunks%2F&max-keys=2", nil), s3Region, S3Object{})
	if err != nil || op.Name != "ListObjectsV2" || said(op.Needs) != "s3:ListBucket on "+b+` s3:prefix="prod/chunks/"` || op.IfMissing != nil {
		t.Errorf("%+v, %v", op, err)
	}
}

func said(needs []Need) string {
	var out []string
	for _, n := range needs {
		out = append(out, n.String())
	}
	return strings.Join(out, "\n")
}

// TestS3Unknown: what isn't known is an error, for it may take any permission.
func TestS3Unknown(t *testing.T) {
	for _, c := range []struct{ method, target, header string }{
		{"GET", "/netsy", ""}, {"GET", "/netsy?location", ""}, {"GET", "/", ""}, {"HEAD", "/netsy", ""}, {"DELETE", "/netsy", ""}, {"PUT", "/netsy", ""},
		{"POST", "/netsy?delete", ""}, {"GET", "/netsy/k?versionId=1", ""}, {"DELETE", "/netsy/k?versionId=1", ""}, {"PUT", "/netsy/k?tagging", ""}, {"PUT", "/netsy/k?acl", ""},
		{"PATCH", "/netsy/k", ""}, {"PUT", "/netsy/k", "X-Amz-Tagging"}, {"PUT", "/netsy/k", "X-Amz-Acl"}, {"PUT", "/netsy/k", "X-Amz-Object-Lock-Mode"}, {"PUT", "/netsy/k", "X-Amz-Copy-Source"},
		{"GET", "/netsy?list-type=2&fetch-owner=true", ""}, {"GET", "/netsy/k?uploadId=u", ""},
	} {
		r := httptest.NewRequest(c.method, c.target, nil)
		if c.header != "" {
			r.Header.Set(c.header, "x")
		}
		if op, err := S3(r, s3Region, S3Object{}); err == nil {
			t.Errorf("%s %s %s: %+v", c.method, c.target, c.header, op)
		}
	}
}

// TestGCSOperations is the documentation's table, as far as Netsy goes.
func TestGCSOperations(t *testing.T) {
	const b = "projects/_/buckets/netsy"
	const o = b + "/objects/prod/chunks/1"
	onObject, onBucket := ` resource.type="storage.googleapis.com/Object"`, ` resource.type="storage.googleapis.com/Bucket"`
	for _, c := range []struct {
		method, target, name string
		exists               bool
		needs, ifMissing     string
	}{
		{"GET", "/storage/v1/b/netsy/o?prefix=prod%2Fchunks%2F1&alt=json", "objects.list", false, "storage.objects.list on " + b + onBucket, ""},
		{"GET", "/storage/v1/b/netsy/o/prod%2Fchunks%2F1?alt=media", "objects.get", true, "storage.objects.get on " + o + onObject, "storage.objects.list on " + b + onBucket},
		{"DELETE", "/storage/v1/b/netsy/o/prod%2Fchunks%2F1?ifGenerationMatch=3", "objects.delete", true, "storage.objects.delete on " + o + onObject, ""},
		{"POST", "/upload/storage/v1/b/netsy/o?uploadType=multipart&name=prod%2Fchunks%2F1", "objects.insert", false, "storage.objects.create on " + o + onObject, ""},
		{"POST", "/upload/storage/v1/b/netsy/o?uploadType=multipart&name=prod%2Fchunks%2F1", "objects.insert", true, "storage.objects.create on " + o + onObject + "\nstorage.objects.delete on " + o + onObject, ""},
	} {
		op, err := GCS(httptest.NewRequest(c.method, c.target, nil), func(bucket, key string) bool { return c.exists && bucket == "netsy" && key == "prod/chunks/1" })
		if err != nil || op.Name != c.name || op.Key != "prod/chunks/1" || said(op.Needs) != c.needs || said(op.IfMissing) != c.ifMissing {
			t.Errorf("%s %s: %+v, %v", c.method, c.target, op, err)
		}
	}
	for _, c := range [][2]string{
		{"GET", "/storage/v1/b/netsy"}, {"GET", "/storage/v1/b"}, {"DELETE", "/storage/v1/b/netsy"}, {"DELETE", "/storage/v1/b/netsy/o"}, {"PATCH", "/storage/v1/b/netsy/o/k"}, {"GET", "/storage/v1/b/netsy/o/k?generation=1"},
		{"POST", "/storage/v1/b/netsy/o/k/compose"}, {"POST", "/upload/storage/v1/b/netsy/o?uploadType=resumable&name=k"}, {"POST", "/upload/storage/v1/b/netsy/o?uploadType=media"}, {"GET", "/netsy/k"}, {"GET", "/storage/v1/b/netsy/iam"},
		{"POST", "/upload/storage/v1/b/netsy/o?uploadType=multipart&name=k&predefinedAcl=private"},
	} {
		if op, err := GCS(httptest.NewRequest(c[0], c[1], nil), func(string, string) bool { return false }); err == nil {
			t.Errorf("%v: %+v", c, op)
		}
	}
}

// TestBindings: the permission, and the clause, evaluated as CEL.
func TestBindings(t *testing.T) {
	b, err := ParseBindings([]byte(`{"bindings": [
	 {"role": "projects/p/roles/list", "members": ["serviceAccount:n"]},
	 {"role": "projects/p/roles/replace", "members": ["serviceAccount:n"], "condition": {"title": "t", "expression": "resource.name == 'projects/_/buckets/b/objects/a' || resource.name.startsWith('projects/_/buckets/b/objects/c/')"}}]}`))
	must(t, err)
	grants, err := b.Grants(map[string]*CustomRole{"list": {IncludedPermissions: []string{"storage.objects.list"}}, "replace": {IncludedPermissions: []string{"storage.objects.create", "storage.objects.delete"}}})
	must(t, err)
	if len(grants) != 1+4 {
		t.Errorf("%v", grants)
	}
	for n, want := range map[string]bool{
		"storage.objects.list projects/_/buckets/b": true, "storage.objects.create projects/_/buckets/b/objects/a": true, "storage.objects.delete projects/_/buckets/b/objects/c/x": true,
		"storage.objects.create projects/_/buckets/b/objects/ab": false, "storage.objects.get projects/_/buckets/b/objects/a": false, "storage.objects.create projects/_/buckets/b/objects/c": false,
	} {
		action, resource, _ := strings.Cut(n, " ")
		if got := Allowed(grants, Need{Action: action, Resource: resource}); got != want {
			t.Errorf("%s: %t", n, got)
		}
	}
	for name, bad := range map[string]string{
		"no CEL":         `{"bindings":[{"role":"r","members":[],"condition":{"title":"t","expression":"resource.name ="}}]}`,
		"no attribute":   `{"bindings":[{"role":"r","members":[],"condition":{"title":"t","expression":"request.time < 3"}}]}`,
		"and":            `{"bindings":[{"role":"r","members":[],"condition":{"title":"t","expression":"resource.name == 'a' && true"}}]}`,
		"too many":       `{"bindings":[{"role":"r","members":[],"condition":{"title":"t","expression":"` + strings.Repeat("resource.name == 'a' || ", 13) + `true"}}]}`,
		"no such role":   `{"bindings":[{"role":"q","members":[]}]}`,
		"unknown member": `{"bindings":[{"role":"r","members":[],"etag":"x"}]}`,
	} {
		b, err := ParseBindings([]byte(bad))
		if err == nil {
			_, err = b.Grants(map[string]*CustomRole{"r": {IncludedPermissions: []string{"x"}}})
		}
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
