#!/usr/bin/env bash
# Compares the release binary with the tools found on this machine on the same capture: processor time (user and system) of the whole process,
# all tools in turn, medians. Speed is worth nothing if the detector is blind, so the generator's truth is asserted first.
#
#   benches/peers.sh [--rounds N] [--packets N] [--quick] [--bin FILE]
#
# --rounds   rounds of the fast tools (5); slow ones (tshark, ndpiReader) run once on a million packets
# --packets  packets of the workload (4000000)
# --quick    2 rounds of 1000000 packets and no row in docs/bench/history.csv
# --bin      the binary to measure (target/release/spanward); nothing of spanward is built here
#
# The workload comes from the generator in ../shared/perf (SPANWARD_SHARED names another place) and is kept in ${TMPDIR:-/tmp}/spanward-bench.
set -euo pipefail
export LC_ALL=C
cd "$(dirname "$0")/.."

rounds=5 packets=4000000 quick=0 bin=target/release/spanward
while [ $# -gt 0 ]; do
  case $1 in
    --rounds) rounds=$2; shift 2 ;;
    --packets) packets=$2; shift 2 ;;
    --bin) bin=$2; shift 2 ;;
    --quick) quick=1 rounds=2 packets=1000000; shift ;;
    *) sed -n '2,13s/^# \{0,1\}//p' "$0"; exit 2 ;;
  esac
done
[ -x "$bin" ] || { echo "peers: $bin is missing: cargo build --release" >&2; exit 2; }
shared=${SPANWARD_SHARED:-../shared}
perf=$shared/perf
[ -d "$perf" ] || { echo "peers: the workload generator is not at $perf: nothing to measure with" >&2; exit 0; }
command -v jq >/dev/null || { echo "peers: jq is needed to check the findings" >&2; exit 2; }

work=${TMPDIR:-/tmp}/spanward-bench
mkdir -p "$work"
scratch=$(mktemp -d "$work/run.XXXXXX")
trap 'rm -rf "$scratch"' EXIT

# A capture of N packets of the mix, made once.
mix() {
  local n=$1 file=$work/mix-$1.pcap
  if [ ! -s "$file.truth" ]; then
    cargo build --quiet --release --manifest-path "$perf/Cargo.toml" --target-dir "$work/spangen" >&2
    "$work/spangen/release/spangen" --out "$file.part" --packets "$n" --truth "$file.truth.part" >&2
    mv "$file.part" "$file"; mv "$file.truth.part" "$file.truth"
  fi
  echo "$file"
}
file=$(mix "$packets")
slow_packets=$((packets < 1000000 ? packets : 1000000))
slow_file=$(mix "$slow_packets")

# --- the truth -------------------------------------------------------------------------------------------------------------------------
"$bin" replay -q --site "$perf/site.toml" --workers 1 --format json "$file" > "$scratch/report.json"
missing=0
# want NAME ACTORS DETECTORS: every actor is the originator (or one of its names) of a finding of one of these detectors.
want() {
  local what=$1 actors=$2 detectors=$3 actor
  [ -n "$actors" ] || { echo "peers: the truth holds no $what" >&2; exit 1; }
  for actor in $actors; do
    if ! jq -e --arg a "$actor" --arg d "$detectors" \
      '[.findings[] | select((.detector | IN($d | split(" ")[])) and (.orig == $a or (.orig_all | index($a)) != null))] | length > 0' \
      "$scratch/report.json" >/dev/null; then
      echo "peers: BLIND: no finding of [$detectors] about $actor ($what)" >&2
      missing=1
    fi
  done
}
# of TYPE FIELD: the actors of an incident.
of() { jq -r --arg t "$1" "select(.type == \$t) | .$2" "$file.truth" | sort -u | tr '\n' ' '; }
# The site of the workload declares no ledger: the new device is in the inventory, with its address; its sweep is a finding.
for mac in $(of rogue_device mac); do
  jq -e --arg m "$mac" --arg ip "$(of rogue_device ip | tr -d ' ')" '[.devices[] | select(.mac == $m and (.ips | index($ip)))] | length == 1' \
    "$scratch/report.json" >/dev/null || { echo "peers: BLIND: device $mac is not in the inventory" >&2; missing=1; }
done
want "sweep of the unknown device" "$(of rogue_device ip)" "smb-fanout scan"
want "clinical host on the internet" "$(of clinical_internet src)" "clinical-egress"
want "SMB and RDP spread" "$(of smb_rdp_spread src)" "smb-fanout rdp-fanout"
[ $missing = 0 ] || { echo "peers: the injected incidents were not all found: speed is not measured" >&2; exit 1; }
echo "truth: all injected incidents were found" >&2

# --- the tools -------------------------------------------------------------------------------------------------------------------------
declare -A run does
fast=(spanward) slow=()
run[spanward]='"$bin" replay -q --site "$perf/site.toml" --eve /dev/null --workers 1 --format json "$f"'
does[spanward]='flows, protocols, devices, all detectors, EVE'
offer() { # NAME TOOL GROUP COMMAND WHAT
  command -v "$2" >/dev/null || return 0
  run[$1]=$4 does[$1]=$5
  if [ "$3" = fast ]; then fast+=("$1"); else slow+=("$1"); fi
}
offer tcpdump tcpdump fast 'tcpdump -r "$f" -w /dev/null' 'reads and copies frames'
# Flow records leave for the discard port of this machine and no other.
offer softflowd softflowd fast 'softflowd -r "$f" -n 127.0.0.1:9 -v 9 -d -p "$scratch/softflowd.pid" -c none' 'flows (8192 at most), NetFlow'
offer nfpcapd nfpcapd fast 'nfpcapd -r "$f" -w "$scratch/nf"' 'flows to files'
offer argus argus fast 'argus -r "$f" -w /dev/null' 'flows with more measures'
offer ndpiReader ndpiReader slow 'ndpiReader -i "$f" -q' 'flows, protocol recognition'
offer tshark tshark slow 'tshark -r "$f" -q -z io,phs' 'full dissection, protocol hierarchy'
offer suricata suricata fast 'suricata -r "$f" -l "$scratch/su" -S /dev/null -k none --set vlan.use-for-tracking=false' 'flows, protocols, EVE, no rules'
offer zeek zeek slow '(cd "$scratch/zk" && zeek -C -b -r "$f" base/protocols/conn)' 'flows, scripts: conn only'

# Processor nanoseconds a packet of one run.
measure() {
  local name=$1 f n cpu
  f=$(realpath "$2") n=$3
  rm -rf "$scratch/nf" "$scratch/su" "$scratch/zk"; mkdir -p "$scratch/nf" "$scratch/su" "$scratch/zk"
  local TIMEFORMAT='%3U %3S'
  if ! { time eval "${run[$name]}" >/dev/null 2>"$scratch/said"; } 2>"$scratch/time"; then
    echo "peers: $name failed: $(tail -n 1 "$scratch/said")" >&2
    return 1
  fi
  cpu=$(tail -n 1 "$scratch/time")
  awk -v c="$cpu" -v n="$n" 'BEGIN { split(c, t, " "); printf "%.1f\n", (t[1] + t[2]) * 1e9 / n }'
}
median() { sort -n | awk '{ v[NR] = $1 } END { if (NR % 2) print v[(NR + 1) / 2]; else printf "%.1f\n", (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }

cat "$file" > /dev/null # into the page cache
for ((r = 1; r <= rounds; r++)); do
  for t in "${fast[@]}"; do measure "$t" "$file" "$packets" >> "$scratch/$t.ns" || true; done
  echo "round $r of $rounds: load $(cut -d' ' -f1 /proc/loadavg)" >&2
done
cat "$slow_file" > /dev/null
if [ ${#slow[@]} -gt 0 ]; then
  # On the same cut, for their ratio.
  for t in "${slow[@]}"; do
    measure spanward "$slow_file" "$slow_packets" >> "$scratch/spanward-slow.ns"
    measure "$t" "$slow_file" "$slow_packets" >> "$scratch/$t.ns" || true
  done
fi

# --- the table -------------------------------------------------------------------------------------------------------------------------
model=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
machine="${model:-$(uname -m)}, $(nproc) cores, load $(cut -d' ' -f1 /proc/loadavg)"
base=$(median < "$scratch/spanward.ns")
echo
echo "Mix of $packets packets, $(stat -c %s "$file") bytes; $machine; whole process, user and system, median of $rounds rounds in turn."
echo "Peers do other work, more or less; the ratio is theirs to ours."
echo
echo "| tool | ns/packet | ratio | does |"
echo "|---|---|---|---|"
ratios=""
row() { # NAME BASE NOTE
  [ -s "$scratch/$1.ns" ] || return 0
  local ns ratio
  ns=$(median < "$scratch/$1.ns")
  ratio=$(awk -v a="$ns" -v b="$2" 'BEGIN { printf "%.2f", a / b }')
  echo "| $1 | $ns | $ratio | ${does[$1]}$3 |"
  ratios+="${ratios:+ }$1=$ratio"
}
for t in "${fast[@]}"; do row "$t" "$base" ""; done
for t in "${slow[@]}"; do row "$t" "$(median < "$scratch/spanward-slow.ns")" "; on $slow_packets packets"; done

[ $quick = 0 ] || exit 0
history=docs/bench/history.csv
mkdir -p docs/bench
[ -s "$history" ] || echo 'commit,date,machine,packets,rounds,spanward_ns_per_packet,ratios' > "$history"
commit=$(git rev-parse --short=12 HEAD)
git diff --quiet HEAD -- src Cargo.toml Cargo.lock || commit+="+"
echo "$commit,$(git show -s --format=%cs HEAD),\"$machine\",$packets,$rounds,$base,\"$ratios\"" >> "$history"
echo
echo "row added to $history" >&2
