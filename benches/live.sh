#!/bin/sh
# Loss of the live reader against tcpdump with the same ring, at rising rates, by turns; and what reading costs. Needs root.
#   TOOLS=DIR benches/live.sh [SECONDS [ROUNDS [LENGTH]]]
# DIR holds `txblast` (frames through a virtual cable) and, if it is there, `xdpgen` (frames from within the kernel, which no virtual cable limits).
# READER = a release build of the example `live_reader`. RATES = frames a second, 0 = as many as can be.
set -eu
SECONDS_EACH=${1:-4}
ROUNDS=${2:-3}
LENGTH=${3:-512}
RING_MIB=${RING_MIB:-64}
RATES=${RATES:-"50000 100000 200000 400000 0"}
MODES=${MODES:-"read engine"}
TOOLS=${TOOLS:?the directory of txblast and xdpgen}
READER=${READER:-target/release/examples/live_reader}

if [ "${INSIDE:-}" != 1 ]; then
    export TOOLS READER RING_MIB RATES MODES
    INSIDE=1 exec unshare -n -m "$0" "$SECONDS_EACH" "$ROUNDS" "$LENGTH"
fi
mount -t sysfs sysfs /sys
ip link add span0 type veth peer name feed0
for i in span0 feed0; do
    echo 1 > "/proc/sys/net/ipv6/conf/$i/disable_ipv6" || true
    ip link set "$i" arp off
    ip link set "$i" up
done

# Sends for so many seconds at this rate; says how many.
send() {
    if [ "$1" = xdp ]; then
        "$TOOLS/xdpgen" span0 "$SECONDS_EACH" "$LENGTH" | sed 's/.*sent=\([0-9]*\).*kpps=\([0-9]*\).*/\1 \2/'
    else
        "$TOOLS/txblast" feed0 "$SECONDS_EACH" "$LENGTH" 1000 "$1" sendmmsg bypass | sed 's/.*sent=\([0-9]*\).*kpps=\([0-9]*\).*/\1 \2/'
    fi
}

row() { printf '%-8s %-5s %-8s %10s %7s %10s %9s  %s\n' "$@"; }
row rate round reader sent kpps dropped 'loss %' ''
one() {
    rate=$1 round=$2 reader=$3
    log=$(mktemp)
    if [ "$reader" = tcpdump ]; then
        tcpdump -i span0 -w /dev/null -B $((RING_MIB * 1024)) 2> "$log" &
        pid=$!
        sleep 0.7
        set -- $(send "$rate")
        sleep 0.7
        kill -TERM $pid
        wait $pid || true
        dropped=$(sed -n 's/^\([0-9]*\) packets dropped by kernel/\1/p' "$log")
        more=
    else
        "$READER" "$reader" span0 $((SECONDS_EACH + 2)) "$RING_MIB" "${WORKERS:-$(($(nproc) > 1 ? $(nproc) - 1 : 1))}" > "$log" 2>&1 &
        pid=$!
        sleep 0.7
        set -- $(send "$rate")
        wait $pid
        dropped=$(sed -n 's/.* drops \([0-9]*\) .*/\1/p' "$log")
        more=$(sed -n 's/.* level \([0-9]*\) cpu [0-9.]* s = \([0-9]* ns.frame\); \(lag.*\)/level \1, \2, \3/p' "$log")
    fi
    rm -f "$log"
    row "$rate" "$round" "$reader" "$1" "$2" "${dropped:-?}" "$(awk "BEGIN { printf \"%.4f\", 100 * ${dropped:-0} / ($1 > 0 ? $1 : 1) }")" "$more"
}
[ -x "$TOOLS/xdpgen" ] && RATES="$RATES xdp"
for rate in $RATES; do
    for round in $(seq "$ROUNDS"); do
        one "$rate" "$round" tcpdump
        for mode in $MODES; do one "$rate" "$round" "$mode"; done
    done
done
uptime
