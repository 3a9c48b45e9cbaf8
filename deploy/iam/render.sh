#!/bin/sh
# Fills in a policy's variables: BUCKET=my-bucket PREFIX=prod/ render.sh node.json
# PREFIX is storage.key_prefix with a slash behind it, or empty. Terraform's templatefile()
# fills in the same variables.
set -eu
: "${BUCKET:?}" "${PREFIX?}"
case $PREFIX in "" | */) ;; *) echo "PREFIX must be empty or end in a slash (got $PREFIX)" >&2; exit 2 ;; esac
exec envsubst '$BUCKET $PREFIX $KMS_KEY_ARN $ACCOUNT $OIDC_PROVIDER $NAMESPACE $SERVICE_ACCOUNT $PROJECT' < "$1"
