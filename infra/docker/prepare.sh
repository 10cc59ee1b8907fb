#!/bin/sh
# Before the first `docker compose up`: makes the secrets (files of mode 0600 in infra/docker/secrets) that are not there yet, and
# renders each host's rules from infra/zones/policy.yaml. Run it again after the policy was changed.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
secrets=${POSTERN_SECRETS:-$here/secrets}
umask 077
mkdir -p "$secrets"
secret() { [ -s "$secrets/$1" ] || od -An -N24 -tx1 /dev/urandom | tr -d ' \n' > "$secrets/$1"; }
for name in ldap_admin ldap_relay ldap_store database_password database_root_password; do secret "$name"; done
[ -s "$secrets/database_url" ] || printf 'mysql://postern:%s@10.20.1.33:3306/postern' "$(cat "$secrets/database_password")" > "$secrets/database_url"
# Compose hands secret files over with their owner: the containers' users have to read them.
chmod 0755 "$secrets"
chmod 0644 "$secrets"/*
if [ "${1:-}" != --no-rules ]; then
  mkdir -p "$here/rules/rendered"
  (cd "$here/../.." && npx postern-zones render --out "$here/rules/rendered")
fi
