# What apache.sh, java.sh and go.sh share: the cache, its lock, and the reference's jars. Sourced, not run.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${ROCKETLITE_CACHE:-target/interop}
case $cache in /*) ;; *) cache=$root/$cache ;; esac

die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# need PROGRAM DEBIAN-PACKAGE
need() { command -v "$1" >/dev/null || die "$1 is missing; on Debian: apt install $2"; }

# publish FOLDER COMMAND...: makes FOLDER once. COMMAND fills the scratch folder it gets as its last argument, and only
# a finished one is renamed, so what has the name is whole. One lock serves the whole cache, because Maven's own
# repository does not take two writers either; the command must not inherit it, or an orphan would hold it.
publish() {
  local folder=$1
  shift
  [ ! -d "$folder" ] || return 0
  mkdir -p "$(dirname "$folder")" "$cache"
  (
    flock 9
    [ ! -d "$folder" ] || exit 0
    rm -rf "$folder".part.*
    part=$(mktemp -d "$folder.part.XXXXXX")
    trap 'rm -rf "$part"' EXIT
    "$@" "$part" 9>&-
    chmod 755 "$part"
    mv "$part" "$folder"
  ) 9>"$cache/lock"
}

download_jars() {
  need mvn maven
  need java default-jdk-headless
  mvn -q -B -f "$here/java/pom.xml" -Drocketmq.version="$1" dependency:copy-dependencies -DincludeScope=runtime \
    -DoutputDirectory="$2" >"$cache/maven.log" 2>&1 || {
    grep -m 3 ERROR "$cache/maven.log" >&2
    die "cannot download Apache RocketMQ $1; all of Maven's words are in $cache/maven.log"
  }
}

# jars VERSION: prints the folder of the reference's jars.
jars() {
  [[ $1 =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || die "not a version: '$1' (tested are 4.9.7 and 5.4.0)"
  local lib=$cache/rocketmq-$1/lib
  publish "$lib" download_jars "$1"
  printf '%s\n' "$lib"
}

# digest FILE...: changes when a source does, so what was built from other sources is never run.
digest() { cat -- "$@" | sha256sum | cut -c 1-12; }
