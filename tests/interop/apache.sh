#!/usr/bin/env bash
# A real Apache RocketMQ (name server and broker, no cluster) on free loopback ports, from its Maven artifacts.
#   apache.sh start VERSION DIR   starts both and prints NAMESRV=… and BROKER=… once they serve; further broker.conf
#                                 lines are read from stdin. DIR keeps configuration, logs, store, ports and process
#                                 ids; started again in the same DIR, it has its messages and, if free, its ports.
#   apache.sh stop DIR            stops what was started in DIR and returns when it is gone; it is killed after 10 s
#   apache.sh kill DIR            the same at once, with KILL
#   apache.sh jars VERSION        prints the folder of the jars, downloading them once
# APACHE_JOIN=HOST:PORT[;HOST:PORT] has the broker register at other name servers too.
# APACHE_TLS=permissive lets clients use TLS too; making the certificate costs 4 to 8 s.
# Tested with 4.9.7 and 5.4.0 on Java 17. Needs java and, for the download, mvn.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

ready_seconds=120
# 5.4.0 would sleep for 11 to 17 s before it ends of itself. Killed on the way it keeps every message, the files being
# mapped, and at the next start it recovers them; only consumer offsets of the last seconds may be older.
stop_seconds=10
java_options=(
  --add-exports=java.base/jdk.internal.ref=ALL-UNNAMED --add-exports=java.base/sun.nio.ch=ALL-UNNAMED
  --add-opens=java.base/java.nio=ALL-UNNAMED --add-opens=java.base/sun.nio.ch=ALL-UNNAMED
  --add-opens=java.base/java.lang=ALL-UNNAMED --add-opens=java.base/java.util=ALL-UNNAMED
  -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dtls.server.mode="${APACHE_TLS:-disabled}"
  # A full disk of the machine must not make the broker delete or refuse a test's messages.
  -Drocketmq.broker.diskSpaceCleanForciblyRatio=0.98 -Drocketmq.broker.diskSpaceWarningLevelRatio=0.99
)

usage() {
  sed -n '2,/^[^#]/{s/^# \{0,1\}//p}' "$0" >&2
  exit 2
}

# birth PID: when the process began, in clock ticks; empty if it is gone or only waits to be reaped, its last thread
# having closed its ports. Together with the id it names one process for good: an id may be given to another program.
birth() {
  local stat fields
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 0
  read -ra fields <<<"${stat##*) }" # from the state on: 0 state, 17 threads, 19 start time
  [ "${fields[0]}" = Z ] && [ "${fields[17]}" -le 1 ] || printf '%s' "${fields[19]}"
}

# alive "PID BIRTH"
alive() { [ -n "${1#* }" ] && [ "$(birth "${1% *}")" = "${1#* }" ]; }

# launch NAME MAIN-CLASS HEAP: its id is kept before anything else can fail.
launch() {
  ROCKETMQ_HOME=$dir java "${java_options[@]}" -Xms"$3" -Xmx"$3" -Duser.home="$dir" -cp "$dir/conf:$lib/*" "$2" \
    -c "$dir/$1.conf" >"$dir/$1.out" 2>&1 </dev/null &
  printf '%s %s\n' $! "$(birth $!)" >>"$dir/processes"
  disown
}

all_alive() {
  local process
  while read -r process; do alive "$process" || return 1; done <"$dir/processes"
}

# end SIGNAL "PID BIRTH": returns when the process is gone.
end() {
  local deadline=$((SECONDS + stop_seconds))
  ! alive "$2" || kill -"$1" "${2% *}" 2>/dev/null || true
  while alive "$2"; do
    [ "$SECONDS" -lt "$deadline" ] || kill -KILL "${2% *}" 2>/dev/null || true
    sleep 0.1
  done
}

# end_all SIGNAL: only the broker, which is the last in the list and signs off at the name server, ends in order.
# The name server has nothing to save and would sleep for another three seconds.
end_all() {
  local started=() process
  [ -f "$dir/processes" ] || return 0
  mapfile -t started <"$dir/processes"
  [ "${#started[@]}" -lt 2 ] || end "$1" "${started[1]}"
  for process in "${started[@]}"; do end KILL "$process"; done
  rm "$dir/processes"
}

listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Four neighbouring ports, told by the first: the broker's fast one (always its own less two), the name server's, the
# broker's, and its replication's (always its own plus one in 4.x).
are_free() {
  local port
  for port in "$1" $(($1 + 1)) $(($1 + 2)) $(($1 + 3)); do
    ! listens "$port" || return 1
  done
}

# They lie below the range the system hands to outgoing connections. Another program may still take one before Java
# does; start then tries others.
free_ports() {
  local first
  until first=$((10000 + RANDOM % 5000 * 4)) && are_free "$first"; do :; done
  printf '%s\n' "$first"
}

# write_configuration FIRST-PORT: 4.x does not know bindAddress and listens on every interface.
write_configuration() {
  local first=$1 name
  mkdir -p "$dir/conf"
  for name in logback_namesrv logback_broker rmq.logback; do # 4.x, 4.x, 5.x
    cat >"$dir/conf/$name.xml" <<'XML'
<configuration>
  <statusListener class="ch.qos.logback.core.status.NopStatusListener"/>
  <appender name="Out" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%d %-5p [%t] %logger - %m%n</pattern></encoder>
  </appender>
  <root level="WARN"><appender-ref ref="Out"/></root>
</configuration>
XML
  done
  cat >"$dir/namesrv.conf" <<CONF
bindAddress=127.0.0.1
listenPort=$((first + 1))
CONF
  cat - "$dir/extra.conf" >"$dir/broker.conf" <<CONF
bindAddress=127.0.0.1
brokerIP1=127.0.0.1
brokerName=broker-a
listenPort=$((first + 2))
haListenPort=$((first + 3))
namesrvAddr=127.0.0.1:$((first + 1))${APACHE_JOIN:+;$APACHE_JOIN}
autoCreateTopicEnable=true
mappedFileSizeCommitLog=67108864
storePathRootDir=$dir/store
storePathCommitLog=$dir/store/commitlog
CONF
}

# ask PORT CODE [BODY]: sends one remoting request, shorter than 256 bytes, and prints the answer, which begins with its
# length. This takes milliseconds where the reference's own tool takes a Java start.
ask() {
  local header='{"code":'$2',"flag":0,"language":"OTHER","opaque":1,"version":0,"extFields":{"topic":"SELF_TEST_TOPIC"}}'
  timeout 2 bash -c '
    exec 3<>"/dev/tcp/127.0.0.1/$1"
    printf "\0\0\0\\x$(printf %x $((4 + ${#2} + ${#3})))\0\0\0\\x$(printf %x ${#2})%s%s" "$2" "$3" >&3
    length=$(head -c 4 <&3 | od -An -tu4 --endian=big)
    head -c $((length)) <&3
  ' - "$1" "$header" "${3:-}" 2>/dev/null
}

# serves_route NAME-SERVER-PORT: whether the name server has (code 105) the route of a topic that every broker registers,
# together with TBW102 if that is enabled. 5.x forgets to register when it is ready before its connection to the name
# server is, and remembers after 10 s; setting its permission (code 25) to what it is makes it do so now.
serves_route() {
  local permission
  ! ask "$1" 105 | grep -a brokerDatas >/dev/null || return 0
  if grep -qs 'boot success' "$dir/broker.out"; then
    permission=$(sed -n 's/^brokerPermission *= *//p' "$dir/extra.conf" | tail -n 1)
    ask $(($1 + 1)) 25 "brokerPermission=${permission:-6}" >/dev/null || true
  fi
  return 1
}

address_in_use() { grep -qs 'Address already in use' "$dir"/*.out; }

# wait_until CONDITION...
wait_until() {
  local deadline=$((SECONDS + ready_seconds))
  until "$@"; do
    all_alive && ! address_in_use && [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.1
  done
  all_alive
}

# launch_both FIRST-PORT: a broker that cannot register at once tries again only after 10 s, so it comes second.
launch_both() {
  local namesrv=$(($1 + 1))
  write_configuration "$1"
  rm -f "$dir"/*.out
  launch namesrv org.apache.rocketmq.namesrv.NamesrvStartup 128m
  wait_until listens "$namesrv" || return 1
  launch broker org.apache.rocketmq.broker.BrokerStartup 512m
  wait_until serves_route "$namesrv"
}

show_logs() {
  local log
  for log in "$dir"/namesrv.out "$dir"/broker.out; do
    [ ! -s "$log" ] || { printf '%s\n' "--- end of $log"; grep -v '^[[:space:]]*at ' "$log" | tail -n 20; } >&2
  done
}

start() {
  local first='' attempt
  need java default-jdk-headless
  lib=$(jars "$1")
  mkdir -p "$2"
  dir=$(cd "$2" && pwd)
  if [ -f "$dir/processes" ]; then
    ! all_alive || die "already running in $dir"
    end_all KILL
  fi
  if [ -t 0 ]; then : >"$dir/extra.conf"; else cat >"$dir/extra.conf"; fi
  if [ -f "$dir/ports" ] && are_free "$(cat "$dir/ports")"; then first=$(cat "$dir/ports"); fi

  trap 'end_all KILL' EXIT # every way out but success leaves nothing behind
  trap 'exit 130' INT
  trap 'exit 143' TERM
  for attempt in 1 2 3 4 5; do
    [ -n "$first" ] || first=$(free_ports)
    if launch_both "$first"; then
      trap - EXIT
      printf '%s\n' "$first" >"$dir/ports"
      printf 'NAMESRV=127.0.0.1:%s\nBROKER=127.0.0.1:%s\n' $((first + 1)) $((first + 2))
      return
    fi
    address_in_use || break
    end_all KILL
    first=''
  done
  show_logs
  die "Apache RocketMQ $1 did not start in $dir (attempt $attempt)"
}

# stop DIR SIGNAL
stop() {
  [ -d "$1" ] || die "no such folder: $1"
  dir=$(cd "$1" && pwd)
  end_all "$2"
}

case ${1:-}/$# in
  start/3) start "$2" "$3" ;;
  stop/2) stop "$2" TERM ;;
  kill/2) stop "$2" KILL ;;
  jars/2) jars "$2" ;;
  *) usage ;;
esac
