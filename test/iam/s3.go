package iam

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// S3Operation is what a request to S3 is, and what it takes.
type S3Operation struct {
	Name  string // of the API
	Key   string // of the object; of a listing its prefix
	Needs []Need
	// IfMissing is what it takes besides for S3 to say 404 of an object that isn't there;
	// without, it says 403.
	IfMissing []Need
}

// S3Object is what S3 knows of the object of a request.
type S3Object struct {
	KMSKey string // ARN of the key it is encrypted with; "" if it isn't, or isn't there
}

// paramsOf are the query parameters that an operation may have. An unknown one may mean
// another operation, with a permission of its own.
var paramsOf = map[string][]string{
	"GetObject": {"x-id"}, "HeadObject": {}, "PutObject": {"x-id"}, "DeleteObject": {"x-id"},
	"CreateMultipartUpload": {"uploads"}, "UploadPart": {"uploadId", "partNumber", "x-id"}, "CompleteMultipartUpload": {"uploadId"}, "AbortMultipartUpload": {"uploadId", "x-id"},
	"ListObjectsV2": {"list-type", "prefix", "start-after", "continuation-token", "max-keys"},
}

// actionOf: "Required permissions for Amazon S3 API operations",
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
var actionOf = map[string]string{
	"GetObject": "s3:GetObject", "HeadObject": "s3:GetObject", "PutObject": "s3:PutObject", "DeleteObject": "s3:DeleteObject",
	"CreateMultipartUpload": "s3:PutObject", "UploadPart": "s3:PutObject", "CompleteMultipartUpload": "s3:PutObject", "AbortMultipartUpload": "s3:AbortMultipartUpload",
	"ListObjectsV2": "s3:ListBucket",
}

// headers with the prefix x-amz- that take no permission of s3: signature, credentials,
// the SDK's own, and what s3KMS is about. Storage classes are a matter of conditions only.
var plainHeaders = []string{
	"X-Amz-Date", "X-Amz-Content-Sha256", "X-Amz-Security-Token", "X-Amz-Storage-Class",
	"X-Amz-Server-Side-Encryption", "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id",
}

// S3 says what a path-style request is and what it takes, of S3 and, if objects are
// encrypted so, of KMS. A request that it doesn't know is an error: it may take anything.
func S3(r *http.Request, region string, object S3Object) (S3Operation, error) {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	op := S3Operation{Name: s3Name(r, key), Key: key}
	if op.Name == "" || bucket == "" {
		return op, fmt.Errorf("%s %s is no known operation", r.Method, r.URL)
	}
	for param := range r.URL.Query() {
		if !slices.Contains(paramsOf[op.Name], param) {
			return op, fmt.Errorf("%s has the parameter %q: what it takes isn't known", op.Name, param)
		}
	}
	for h := range r.Header {
		if strings.HasPrefix(h, "X-Amz-") && !slices.Contains(plainHeaders, h) {
			return op, fmt.Errorf("%s has the header %s: what it takes isn't known", op.Name, h)
		}
	}
	bucketARN := "arn:aws:s3:::" + bucket
	if op.Name == "ListObjectsV2" {
		op.Needs = []Need{{Action: actionOf[op.Name], Resource: bucketARN, Context: given(r, "prefix", "s3:prefix")}}
		op.Key = r.URL.Query().Get("prefix")
		return op, nil
	}
	op.Needs = []Need{{Action: actionOf[op.Name], Resource: bucketARN + "/" + key}}
	// https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html and
	// conditional-deletes.html: a comparison of ETags takes the right to read.
	if r.Header.Get("If-Match") != "" && r.Method != http.MethodGet && r.Method != http.MethodHead {
		op.Needs = append(op.Needs, Need{Action: "s3:GetObject", Resource: bucketARN + "/" + key})
	}
	op.Needs = append(op.Needs, s3KMS(op.Name, r.Header, region, bucketARN, key, object)...)
	if actionOf[op.Name] == "s3:GetObject" {
		// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html (Permissions).
		// s3:prefix is the object's key then: https://github.com/ceph/ceph/pull/68577
		op.IfMissing = []Need{{Action: "s3:ListBucket", Resource: bucketARN, Context: map[string]string{"s3:prefix": key}}}
	}
	return op, nil
}

func s3Name(r *http.Request, key string) string {
	q := r.URL.Query()
	switch {
	case key == "" && r.Method == http.MethodGet && q.Get("list-type") == "2":
		return "ListObjectsV2"
	case key == "":
		return ""
	}
	switch r.Method + " " + strings.Join(present(q, "uploads", "uploadId"), " ") {
	case "GET ":
		return "GetObject"
	case "HEAD ":
		return "HeadObject"
	case "PUT ":
		return "PutObject"
	case "DELETE ":
		return "DeleteObject"
	case "POST uploads":
		return "CreateMultipartUpload"
	case "PUT uploadId":
		return "UploadPart"
	case "POST uploadId":
		return "CompleteMultipartUpload"
	case "DELETE uploadId":
		return "AbortMultipartUpload"
	}
	return ""
}

func present(q map[string][]string, params ...string) (out []string) {
	for _, p := range params {
		if _, ok := q[p]; ok {
			out = append(out, p)
		}
	}
	return out
}

func given(r *http.Request, param, key string) map[string]string {
	if q := r.URL.Query(); q.Has(param) {
		return map[string]string{key: q.Get(param)}
	}
	return nil
}

// s3KMS is what the request takes of KMS: writing takes GenerateDataKey, reading takes
// Decrypt, an upload in parts takes both.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
// The encryption context is the object's ARN or, with an S3 Bucket Key, the bucket's: a
// policy has to allow both: which of them it is depends on the bucket.
func s3KMS(name string, h http.Header, region, bucketARN, key string, object S3Object) (needs []Need) {
	var actions []string
	keyARN := object.KMSKey
	switch {
	case h.Get("X-Amz-Server-Side-Encryption") == "aws:kms":
		keyARN = h.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id")
		actions = []string{"kms:GenerateDataKey"}
		if name == "CreateMultipartUpload" {
			actions = append(actions, "kms:Decrypt")
		}
	case object.KMSKey != "" && name == "GetObject":
		actions = []string{"kms:Decrypt"}
	}
	for _, a := range actions {
		for _, arn := range []string{bucketARN + "/" + key, bucketARN} {
			needs = append(needs, Need{Action: a, Resource: keyARN, Context: map[string]string{
				"kms:ViaService": "s3." + region + ".amazonaws.com", "kms:EncryptionContext:aws:s3:arn": arn,
			}})
		}
	}
	return needs
}
