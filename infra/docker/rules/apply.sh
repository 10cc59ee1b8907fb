#!/bin/sh
# apply.sh RULES [NAME=ADDRESS | NETWORK GATEWAY]…: loads the rules file, with the policy's interface NAME put as the one here that has
# ADDRESS; routes each network by its gateway. A host whose rules do not load does not start: its service waits for this to end well.
set -eu
rules=$(cat "$1")
shift
while [ $# -gt 0 ]; do
  case "$1" in
    *=*)
      device=$(ip -o addr show | awk -v address="${1#*=}/" 'index($4, address) == 1 { print $2 }')
      rules=$(printf '%s\n' "$rules" | sed "s/\"${1%%=*}\"/\"${device:?no interface has ${1#*=}}\"/g")
      shift ;;
    *) ip route replace "$1" via "$2"; shift 2 ;;
  esac
done
printf '%s\n' "$rules" | nft -c -f -
printf '%s\n' "$rules" | nft -f -
nft list ruleset | grep -q 'hook input\|hook forward' || { echo "apply.sh: no rules were loaded" >&2; exit 1; }
