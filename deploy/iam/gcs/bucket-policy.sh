#!/bin/sh
# Prints a bucket's IAM policy with Netsy's bindings added, for
# gcloud storage buckets set-iam-policy: the bindings that are there stay.
#   BUCKET=b PREFIX=prod/ PROJECT=p gcs/bucket-policy.sh current.json gcs/node.json gcs/elector.json …
set -eu
current=$1
shift
here=$(dirname "$0")
for f in "$@"; do "$here/../render.sh" "$f"; done |
	jq --slurp --slurpfile current "$current" '$current[0] + {version: 3, bindings: (($current[0].bindings // []) + map(.bindings[]))}'
