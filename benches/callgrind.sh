#!/usr/bin/env bash
# Instructions per packet, and by stage, under callgrind: the mix at 50,000 and at 150,000 packets; the difference divided by 100,000 leaves
# start-up out. Unlike times, these numbers do not depend on what else the machine does.
#
#   benches/callgrind.sh [--bin FILE]        (target/release/spanward; build it with symbols: the release profile has them)
set -euo pipefail
export LC_ALL=C
cd "$(dirname "$0")/.."
bin=target/release/spanward
[ "${1:-}" != --bin ] || bin=$2
[ -x "$bin" ] || { echo "callgrind: $bin is missing: cargo build --release" >&2; exit 2; }
command -v valgrind >/dev/null || { echo "callgrind: valgrind is not installed" >&2; exit 2; }
shared=${SPANWARD_SHARED:-../shared}
perf=$shared/perf
[ -d "$perf" ] || { echo "callgrind: the workload generator is not at $perf" >&2; exit 0; }
work=${TMPDIR:-/tmp}/spanward-bench
mkdir -p "$work"
scratch=$(mktemp -d "$work/cg.XXXXXX")
trap 'rm -rf "$scratch"' EXIT

gen=$work/spangen/release/spangen
[ -x "$gen" ] || cargo build --quiet --release --manifest-path "$perf/Cargo.toml" --target-dir "$work/spangen"
# The same first packets in both: the longer capture goes on where the shorter one ends, so the incidents do not move.
"$gen" --out "$scratch/150.pcap" --packets 150000 --no-incidents >/dev/null 2>&1
if command -v editcap >/dev/null; then
  editcap -r -F pcap "$scratch/150.pcap" "$scratch/50.pcap" 1-50000
else
  "$gen" --out "$scratch/50.pcap" --packets 50000 --no-incidents >/dev/null 2>&1
fi
for n in 50 150; do
  valgrind --tool=callgrind --callgrind-out-file="$scratch/$n.out" "$bin" replay -q --site "$perf/site.toml" --eve /dev/null --workers 1 \
    --format json "$scratch/$n.pcap" >/dev/null 2>"$scratch/$n.said" || { tail -n 3 "$scratch/$n.said" >&2; exit 1; }
  callgrind_annotate --auto=no --inclusive=yes --threshold=100 "$scratch/$n.out" > "$scratch/$n.txt" 2>/dev/null
done

# Stages by the names of their functions. One that was inlined into its caller has no line of its own: `-`.
awk -v small="$scratch/50.txt" -v large="$scratch/150.txt" '
  function number(s) { gsub(/,/, "", s); return s + 0 }
  function load(file, into,   line, n, i) {
    while ((getline line < file) > 0) {
      if (line ~ /PROGRAM TOTALS/) { split(line, n, " "); into["total"] = number(n[1]); continue }
      for (i = 1; i <= stages; i++)
        if (line ~ pattern[i]) { split(line, n, " "); if (number(n[1]) > into[i]) into[i] = number(n[1]) }
    }
  }
  function stage(name, p) { title[++stages] = name; pattern[stages] = p }
  BEGIN {
    stage("read, decode (Feeder::fill)", "Feeder[^ ]*fill")
    stage("- decode (Decoder::decode)", "Decoder[^ ]*decode")
    stage("shards (Worker::packets)", "Worker[^ ]*packets")
    stage("- streams (Mind::piece)", "Mind[^ ]*piece")
    stage("- names (dns::read)", "dns::read")
    stage("- ends of flows (Shard::end)", "Shard[^ ]*end")
    stage("ticks of shards (Worker::tick)", "Worker[^ ]*tick")
    stage("learn, detect, write (Analyst::tick)", "Analyst[^ ]*tick")
    stage("- learn (Assets::update)", "Assets[^ ]*update")
    stage("- write EVE (Eve::event)", "Eve[^ ]*event")
    load(small, a); load(large, b)
    print "| stage (inclusive) | instructions/packet | share |"; print "|---|---|---|"
    all = (b["total"] - a["total"]) / 100000
    for (i = 1; i <= stages; i++) {
      if (!(i in b)) { printf "| %s | - | |\n", title[i]; continue }
      v = (b[i] - a[i]) / 100000
      printf "| %s | %.0f | %.0f %% |\n", title[i], v, all ? 100 * v / all : 0
    }
    printf "| whole program | %.0f | 100 %% |\n", all
  }'
echo
echo "The costliest functions of the longer run by their own instructions:"
callgrind_annotate --auto=no --threshold=70 "$scratch/150.out" 2>/dev/null | grep -E '^ *[0-9,]+ \(' | sed -n '2,21p' | sed -E 's/ \[[^]]*\]$//' | sed -E 's,/[^ ]*/(src|library)/,\1/,' | cut -c1-140
