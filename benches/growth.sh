#!/usr/bin/env bash
# How cost grows: a flood in which every packet is a new five-tuple, ten thousand to a million live flows, two workers against one.
# Processor time of the whole process and the most memory it held; medians of rounds in turn.
#
#   benches/growth.sh [--rounds N] [--bin FILE]        (3 rounds; target/release/spanward)
#
# The workloads come from the generator in ../shared/perf (SPANWARD_SHARED names another place) and are kept in ${TMPDIR:-/tmp}/spanward-bench.
set -euo pipefail
export LC_ALL=C
cd "$(dirname "$0")/.."
rounds=3 bin=target/release/spanward
while [ $# -gt 0 ]; do
  case $1 in
    --rounds) rounds=$2; shift 2 ;;
    --bin) bin=$2; shift 2 ;;
    *) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 2 ;;
  esac
done
[ -x "$bin" ] || { echo "growth: $bin is missing: cargo build --release" >&2; exit 2; }
[ -x /usr/bin/time ] || { echo "growth: GNU time is not installed" >&2; exit 2; }
perf=${SPANWARD_SHARED:-../shared}/perf
[ -d "$perf" ] || { echo "growth: the workload generator is not at $perf: nothing to measure with" >&2; exit 0; }
work=${TMPDIR:-/tmp}/spanward-bench
mkdir -p "$work"
scratch=$(mktemp -d "$work/grow.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
gen=$work/spangen/release/spangen
[ -x "$gen" ] || cargo build --quiet --release --manifest-path "$perf/Cargo.toml" --target-dir "$work/spangen"

# A workload by name, made once: make NAME ARGUMENTS...
make() {
  local file=$work/$1.pcap; shift
  if [ ! -s "$file" ]; then "$gen" --out "$file.part" "$@" >/dev/null 2>&1; mv "$file.part" "$file"; fi
  echo "$file"
}
# One run: processor seconds, wall seconds, most memory in KiB.
run() { /usr/bin/time -o "$scratch/t" -f '%U %S %e %M' "$@" >/dev/null 2>&1; awk '{ print $1 + $2, $3, $4 }' "$scratch/t"; }
ours() { run "$bin" replay -q --site "$perf/site.toml" --eve /dev/null --format json --workers "$1" "$2"; }
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
of() { awk -v n="$2" '{ print $n }' "$scratch/$1" | median; }

flood=$(make flood-1000000 --profile synflood --packets 1000000)
mix=$(make mix-1000000 --packets 1000000)
wides=()
for flows in 10000 100000 1000000; do wides+=("$flows $(make "wide-$flows" --profile uniform --flows "$flows" --packets 2000000)"); done

for ((r = 1; r <= rounds; r++)); do
  cat "$flood" "$mix" > /dev/null
  ours 1 "$flood" >> "$scratch/flood"
  if command -v tcpdump >/dev/null; then run tcpdump -r "$flood" -w /dev/null >> "$scratch/dump"; fi
  ours 1 "$mix" >> "$scratch/one"
  ours 2 "$mix" >> "$scratch/two"
  for w in "${wides[@]}"; do ours 1 "${w#* }" >> "$scratch/wide-${w% *}"; done
  echo "round $r of $rounds: load $(cut -d' ' -f1 /proc/loadavg)" >&2
done

row() { awk -v what="$1" -v cpu="$(of "$2" 1)" -v n="$3" -v kib="$(of "$2" 3)" 'BEGIN { printf "| %s | %.0f | %.0f |\n", what, cpu * 1e9 / n, kib / 1024 }'; }
echo "| workload | ns/packet | most memory, MiB |"
echo "|---|---|---|"
row "flood, 1,000,000 new five-tuples" flood 1000000
[ ! -s "$scratch/dump" ] || row "the same, tcpdump -w /dev/null" dump 1000000
for w in "${wides[@]}"; do row "wide, ${w% *} live flows, 2,000,000 packets" "wide-${w% *}" 2000000; done
row "mix, one worker" one 1000000
row "mix, two workers" two 1000000
echo
awk -v one="$(of one 2)" -v two="$(of two 2)" -v load="$(cut -d' ' -f1 /proc/loadavg)" \
  'BEGIN { printf "Two workers take %.2f of the wall time of one (load at the end %s).\n", two / one, load }'
