#!/usr/bin/env bash
# Programs on the reference's own Java client; java/*.java compile against every version tested.
#   java.sh VERSION Send|Find|Consume|Try|Members|Admin [OPTION...]   see README.md; a wrong option prints the usage
# LOCAL_OFFSETS=DIR has consumers that broadcast keep their offsets there.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

[ $# -ge 2 ] || die "usage: java.sh VERSION Send|Find|Consume|Try|Members|Admin [OPTION...]"
version=$1 program=$2
shift 2
[ -f "$here/java/$program.java" ] || die "no such program: $program"
need java default-jdk-headless
lib=$(jars "$version")

compile() {
  need javac default-jdk-headless
  javac -nowarn -proc:none -d "$1" -cp "$lib/*" "$here"/java/*.java >&2
  # Without these netty (4.x) and the broker's jar (5.x), which is on the class path too, write to stdout.
  echo '<configuration><root level="OFF"/></configuration>' >"$1/logback.xml"
  cp "$here/java/rmq.logback.xml" "$1"
}
classes=$cache/rocketmq-$version/classes-$(digest "$here"/java/*.java "$here/java/rmq.logback.xml" "$here/java.sh")
publish "$classes" compile

logs=$cache/rocketmq-$version/logs
exec java -Xmx256m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Duser.home="$logs" \
  -Drocketmq.client.logRoot="$logs" -Drocketmq.client.logLevel=ERROR \
  ${LOCAL_OFFSETS:+-Drocketmq.client.localOffsetStoreDir="$LOCAL_OFFSETS"} \
  -cp "$classes:$lib/*" "$program" "$@"
