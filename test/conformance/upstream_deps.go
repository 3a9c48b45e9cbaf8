//go:build upstream

package main

// The suites, and what only their tests import, so that `go mod tidy` keeps all of it: tidy
// doesn't look into the _test files of other modules.
import (
	_ "github.com/google/go-cmp/cmp"
	_ "github.com/stretchr/testify/assert"
	_ "github.com/stretchr/testify/require"
	_ "k8s.io/apimachinery/pkg/api/apitesting"
	_ "k8s.io/apiserver/pkg/apis/example2/v1"
	_ "k8s.io/apiserver/pkg/storage/cacher"
	_ "k8s.io/apiserver/pkg/storage/etcd3"
	_ "k8s.io/apiserver/pkg/storage/etcd3/preflight"
	_ "k8s.io/apiserver/pkg/storage/etcd3/testing"
	_ "k8s.io/apiserver/pkg/storage/testing"
	_ "k8s.io/client-go/kubernetes/fake"
	_ "k8s.io/component-base/featuregate/testing"
	_ "k8s.io/component-base/metrics/testutil"
	_ "k8s.io/klog/v2/ktesting"
	_ "k8s.io/utils/clock/testing"
)
