#!/bin/sh
# First start: the tree of POSTERN_LDIF (the sample tree unless set), with the passwords of the secrets. Later starts: slapd alone.
set -eu
home=${POSTERN_DIRECTORY_HOME:-/var/lib/postern-directory}
schema=${POSTERN_SCHEMA:-/opt/postern/schema/ldap}
pki=${POSTERN_PKI:-/etc/postern/pki}
secrets=${POSTERN_SECRETS:-/run/secrets}
slapd=${POSTERN_SLAPD:-/usr/sbin}
suffix=dc=myhosting,dc=example
umask 077
mkdir -p "$home/data"

{
  sed -e '/^#/d' -e "s|{{SCHEMA}}|$schema|; s|{{PRESET}}|jamm|; s|{{RUN}}|$home|; s|{{DATA}}|$home/data|" \
    -e "s|{{CERT}}|$pki/directory.pem|; s|{{KEY}}|$pki/directory.key|; s|{{CA}}|$pki/ca.pem|" \
    -e "s|{{ROOTPW}}|$(cat "$secrets/ldap_admin")|" \
    -e "/{{INDEXES}}/{r $schema/jamm.indexes" -e "d}" -e "/{{ACCESS}}/{r $schema/jamm.access" -e "d}" \
    "$schema/slapd.conf.template"
} > "$home/slapd.conf"

if [ ! -e "$home/data/data.mdb" ]; then
  hash() { "$slapd/slappasswd" -T "$1"; }
  tr -d '\n' < "$secrets/ldap_relay" > "$home/relay.pw"
  tr -d '\n' < "$secrets/ldap_store" > "$home/store.pw"
  # The two services get passwords of this installation in the place of the published ones.
  awk -v relay="$(hash "$home/relay.pw")" -v store="$(hash "$home/store.pw")" '
    /^dn: / { who = $0 ~ /^dn: cn=relay,/ ? relay : $0 ~ /^dn: cn=store,/ ? store : "" }
    /^userPassword:/ && who != "" { print "userPassword: " who; next }
    { print }' "${POSTERN_LDIF:-$schema/sample.ldif}" > "$home/first.ldif"
  rm -f "$home/relay.pw" "$home/store.pw"
  "$slapd/slapadd" -q -f "$home/slapd.conf" -b "$suffix" -l "$home/first.ldif"
  rm -f "$home/first.ldif"
fi
exec "$slapd/slapd" -f "$home/slapd.conf" -h "${POSTERN_LDAP_URLS:-ldap:///}" -d 0
