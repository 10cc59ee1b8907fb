#!/bin/sh
# apply.sh RULES [NETWORK GATEWAY]…: loads the rules file, then routes each network by the gateway. A host whose rules do not load
# does not start: its service waits for this container to end well.
set -eu
rules=$1
shift
nft -c -f "$rules"
nft -f "$rules"
while [ $# -gt 1 ]; do
  ip route replace "$1" via "$2"
  shift 2
done
nft list ruleset | grep -q 'hook input\|hook forward' || { echo "apply.sh: $rules holds no rules" >&2; exit 1; }
