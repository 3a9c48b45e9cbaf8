// Package iam checks the policies in deploy/iam against what Netsy's programs really ask
// of object storage: every request that is recorded is allowed by its role's policy, and
// every grant of a policy is one that some recorded request could not do without.
//
// need.go, policy.go, s3.go, binding.go and gcs.go are the rules, pure and with tests of
// their own. The runs are of the real binaries, before real servers (versitygw,
// fake-gcs-server), through a gate that asks the policies and refuses as S3 and GCS do.
package iam
