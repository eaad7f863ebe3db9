#!/usr/bin/env bash
# The program on Apache's Go client, built when its sources changed.
#   go.sh send|members [OPTION...]   see README.md; a wrong option prints the usage
# LOCAL_OFFSETS=DIR has consumers that broadcast keep their offsets there.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

build() {
  need go golang-go
  (cd "$here/go" && go build -o "$1/interop" .) >&2
}
program=$cache/go-$(digest "$here"/go/*.go "$here"/go/go.mod "$here"/go/go.sum)
publish "$program" build
exec env ${LOCAL_OFFSETS:+rocketmq.client.localOffsetStoreDir="$LOCAL_OFFSETS"} "$program/interop" "$@"
