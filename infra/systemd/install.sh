#!/bin/sh
# Installs one tier on a Debian host: its code, the shared code and their packages below /opt/postern, a user, the units, and a sample
# configuration where there is none. Starts nothing. Run it again to update; then: systemctl restart postern-relay (-store, -webmail).
#
#   sh infra/systemd/install.sh relay|store|webmail [--root DIR] [--no-npm]
#
# --root DIR   installs below DIR, for an image or a look: no users, no systemctl
# --no-npm     leaves the packages to you: node_modules and bin/node below /opt/postern; takes the web apps as `npm run build` made them
set -eu

tier=${1:-}
root=
npm=yes
case "$tier" in
  relay) workspace=gateway; folders="gateway/relay gateway/cli"; config=gateway.yaml; app= ;;
  webmail) workspace=gateway; folders=gateway/webmail; config=webmail.yaml; app=gateway/webmail ;;
  store) workspace=store; folders=store; config=store.yaml; app=store/console ;;
  *) echo "usage: install.sh relay|store|webmail [--root DIR] [--no-npm]" >&2; exit 2 ;;
esac
shift
while [ $# -gt 0 ]; do
  case "$1" in
    --root) root=${2:?}; shift 2 ;;
    --no-npm) npm=no; shift ;;
    *) echo "install.sh: $1 is not known" >&2; exit 2 ;;
  esac
done
if [ -z "$root" ] && [ "$(id -u)" != 0 ]; then
  echo "install.sh: only root can install here; --root DIR installs elsewhere" >&2
  exit 1
fi

source=$(cd "$(dirname "$0")/../.." && pwd)
prefix=$root/opt/postern
units=$root/etc/systemd/system
etc=$root/etc/postern

# The code of this part and of no other: a host of the DMZ has no line of the store's, and no database driver.
mkdir -p "$prefix/bin" "$prefix/infra" "$prefix/$workspace" "$units" "$etc/pki/$tier" "$root/usr/lib/sysusers.d"
copy() { # FOLDER: its code without tests
  rm -rf "${prefix:?}/$1"
  mkdir -p "$prefix/$1"
  (cd "$source/$1" && find . -name node_modules -prune -o -type f ! -name '*.test.ts' -print | tar -cf - -T -) | tar -xf - -C "$prefix/$1"
}
copy shared
for folder in $folders; do copy "$folder"; done
cp "$source/$workspace/package.json" "$prefix/$workspace/package.json"
copy docs
for part in cli doctor trace zones; do [ ! -d "$source/infra/$part" ] || copy "infra/$part"; done
cp "$source/package.json" "$source/package-lock.json" "$prefix/"
workspaces="--workspace shared --workspace $workspace"
if [ "$tier" = store ]; then
  copy schema
  copy infra/pki
  cp "$source/infra/package.json" "$prefix/infra/package.json"
fi

if [ "$npm" = yes ]; then
  node=$(sed -n 's/.*"node": "\([0-9.]*\)".*/\1/p' "$source/package.json" | tail -n 1)
  selfsigned=$(sed -n 's/.*"selfsigned": "\([0-9.]*\)".*/\1/p' "$source/infra/package.json")
  # shellcheck disable=SC2086
  (cd "$prefix" && npm install --no-save --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error $workspaces)
  mkdir -p "$prefix/runtime"
  (cd "$prefix/runtime" && npm install --no-save --no-audit --no-fund --loglevel=error --prefix . "node@$node")
  ln -sfn ../runtime/node_modules/node/bin/node "$prefix/bin/node"
  if [ "$tier" = store ]; then
    mkdir -p "$prefix/runtime-certificates"
    (cd "$prefix/runtime-certificates" && npm install --no-save --ignore-scripts --no-audit --no-fund --loglevel=error --prefix . "selfsigned@$selfsigned")
    mkdir -p "$prefix/infra/node_modules"
    ln -sfn ../../runtime-certificates/node_modules/selfsigned "$prefix/infra/node_modules/selfsigned"
  fi
fi

# The web app is built from these sources elsewhere: its tools are no part of what runs here.
if [ -n "$app" ] && [ "$npm" = yes ]; then
  build=$(mktemp -d)
  mkdir -p "$build/$app" "$build/infra"
  cp "$source/infra/docker/web-apps/package.json" "$source/package-lock.json" "$source/tsconfig.json" "$build/"
  cp -R "$source/infra/web" "$build/infra/web"
  cp -R "$source/$app/app" "$build/$app/app"
  (cd "$build" && npm install --no-save --no-package-lock --ignore-scripts --no-audit --no-fund --loglevel=error && "$prefix/bin/node" infra/web/build.mjs)
  rm -rf "${prefix:?}/$app/dist"
  cp -R "$build/$app/dist" "$prefix/$app/dist"
  rm -rf "$build"
fi

{
  echo "u postern-$tier - \"Postern $tier\" /var/lib/postern-$tier"
  [ "$tier" != store ] || echo 'u postern-certificates - "Postern certificates" /var/lib/postern-certificates'
} > "$root/usr/lib/sysusers.d/postern-$tier.conf"
cp "$source/infra/systemd/postern-$tier.service" "$source/infra/systemd/postern-$tier-certificates.service" \
  "$source/infra/systemd/postern-$tier-certificates.path" "$units/"
[ "$tier" != store ] || cp "$source/infra/systemd/postern-certificates.service" "$source/infra/systemd/postern-certificates.timer" \
  "$source/infra/systemd/postern-local-delivery.service" "$units/"
[ -e "$etc/$config" ] || cp "$source/infra/systemd/examples/$config" "$etc/$config"
[ "$tier" != store ] || [ -e "$etc/certificates.yaml" ] || cp "$source/infra/systemd/examples/certificates.yaml" "$etc/certificates.yaml"

if [ -z "$root" ]; then
  systemd-sysusers "postern-$tier.conf"
  chgrp "postern-$tier" "$etc/$config"
  chmod 640 "$etc/$config"
  if [ "$tier" = store ]; then
    install -d -m 0700 -o postern-certificates -g postern-certificates /var/lib/postern-certificates
    for other in relay webmail directory; do
      [ -d "$etc/pki/$other" ] || install -d -m 2750 -o postern-certificates -g postern-certificates "$etc/pki/$other"
    done
  fi
  # the keys belong to who renews them, where that is this host; each service's group reads its own
  owner=root
  for part in store relay webmail; do
    ! getent passwd postern-certificates > /dev/null || owner=postern-certificates
    ! getent group "postern-$part" > /dev/null || [ ! -d "$etc/pki/$part" ] || chown "$owner:postern-$part" "$etc/pki/$part"
  done
  chmod 2750 "$etc/pki/$tier"
  # each secret is readable by one service: install -m 0640 -g postern-relay FILE /etc/postern/secrets/
  install -d -m 0711 "$etc/secrets"
  systemctl daemon-reload
fi
echo "postern-$tier is in $prefix. Next: $etc/$config, certificates in $etc/pki/$tier, secrets in $etc/secrets"
echo "(install -m 0640 -g postern-$tier FILE $etc/secrets/); then: systemctl enable --now postern-$tier postern-$tier-certificates.path && $prefix/bin/node $prefix/infra/cli/postern.ts doctor"
