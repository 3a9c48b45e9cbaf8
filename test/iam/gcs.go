package iam

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// GCSOperation is what a request to Cloud Storage's JSON API is, and what it takes.
type GCSOperation struct {
	Name      string
	Key       string
	Needs     []Need
	IfMissing []Need // as of S3Operation
}

var gcsParams = []string{"alt", "prettyPrint", "projection", "uploadType", "name", "ifGenerationMatch", "prefix", "startOffset", "endOffset",
	"delimiter", "includeTrailingDelimiter", "includeFoldersAsPrefixes", "versions", "pageToken", "maxResults", "fields", "matchGlob", "filter"}

// GCS says what a request is and what it takes. exists reports whether the bucket has an
// object: an insert over one takes the right to delete it.
// https://cloud.google.com/storage/docs/access-control/iam-json
func GCS(r *http.Request, exists func(bucket, key string) bool) (GCSOperation, error) {
	op, bucket := gcsName(r)
	if op.Name == "" {
		return op, fmt.Errorf("%s %s is no known operation", r.Method, r.URL)
	}
	for param := range r.URL.Query() {
		if !slices.Contains(gcsParams, param) {
			return op, fmt.Errorf("%s has the parameter %q: what it takes isn't known", op.Name, param)
		}
	}
	onBucket := func(permission string) Need {
		return Need{Action: permission, Resource: "projects/_/buckets/" + bucket, Context: map[string]string{"resource.type": "storage.googleapis.com/Bucket"}}
	}
	onObject := func(permission string) Need {
		return Need{Action: permission, Resource: "projects/_/buckets/" + bucket + "/objects/" + op.Key, Context: map[string]string{"resource.type": "storage.googleapis.com/Object"}}
	}
	switch op.Name {
	case "objects.list":
		op.Needs = []Need{onBucket("storage.objects.list")}
	case "objects.get":
		op.Needs = []Need{onObject("storage.objects.get")}
		// Without it, GCS says 403 of an object that isn't there, as S3 does.
		op.IfMissing = []Need{onBucket("storage.objects.list")}
	case "objects.delete":
		op.Needs = []Need{onObject("storage.objects.delete")}
	case "objects.insert":
		op.Needs = []Need{onObject("storage.objects.create")}
		// The documentation says "only if the object already exists"; not whether that is
		// asked before the precondition. Taken at its word.
		if exists(bucket, op.Key) {
			op.Needs = append(op.Needs, onObject("storage.objects.delete"))
		}
	}
	return op, nil
}

func gcsName(r *http.Request) (op GCSOperation, bucket string) {
	path, upload := strings.CutPrefix(r.URL.Path, "/upload")
	rest, ok := strings.CutPrefix(path, "/storage/v1/b/")
	bucket, rest, found := strings.Cut(rest, "/o")
	key, isObject := strings.CutPrefix(rest, "/")
	switch {
	case !ok || !found || bucket == "" || rest != "" && !isObject:
		return op, ""
	case upload && r.Method == http.MethodPost && rest == "" && r.URL.Query().Get("name") != "" && r.URL.Query().Get("uploadType") != "resumable":
		return GCSOperation{Name: "objects.insert", Key: r.URL.Query().Get("name")}, bucket
	case upload:
		return op, ""
	case rest == "" && r.Method == http.MethodGet:
		return GCSOperation{Name: "objects.list", Key: r.URL.Query().Get("prefix")}, bucket
	case key != "" && r.Method == http.MethodGet:
		return GCSOperation{Name: "objects.get", Key: key}, bucket
	case key != "" && r.Method == http.MethodDelete:
		return GCSOperation{Name: "objects.delete", Key: key}, bucket
	}
	return op, ""
}
