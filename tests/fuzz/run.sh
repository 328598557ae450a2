#!/usr/bin/env bash
# Runs every fuzz target (or those named) for SECONDS each and prints executions and result: tests/fuzz/run.sh [SECONDS [TARGET...]]
# Needs a nightly toolchain and cargo-fuzz. Exit status 1 if a target failed; its input is then in tests/fuzz/artifacts/TARGET/.
set -uo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-60}
shift || true
case $seconds in '' | *[!0-9]*) sed -n '2,3s/^# //p' "$0" >&2; exit 2 ;; esac
fuzz() { cargo +nightly fuzz "$@"; }
if [ $# -gt 0 ]; then targets=("$@"); else mapfile -t targets < <(fuzz list --fuzz-dir tests/fuzz); fi
[ ${#targets[@]} -gt 0 ] || { echo "fuzz: no targets: is cargo-fuzz installed?" >&2; exit 2; }
for t in "${targets[@]}"; do
  fuzz build --fuzz-dir tests/fuzz "$t" || { echo "fuzz: $t does not build" >&2; exit 2; }
done

said=$(mktemp)
trap 'rm -f "$said"' EXIT
failed=0
printf '%-20s %14s %10s %8s  %s\n' target executions 'exec/s' edges result
for t in "${targets[@]}"; do
  # A slow input and one that takes memory are failures too.
  if fuzz run --fuzz-dir tests/fuzz "$t" -- -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 >"$said" 2>&1; then
    result=ok
  else
    result="FAILED: $(grep -m 1 -oE 'panicked at .*|ERROR: .*' "$said" | head -c 120)"
    failed=1
  fi
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$said" | tail -n 1)
  rate=$(sed -n 's/^stat::average_exec_per_sec: *//p' "$said" | tail -n 1)
  edges=$(grep -oE 'cov: [0-9]+' "$said" | tail -n 1 | cut -d' ' -f2)
  printf '%-20s %14s %10s %8s  %s\n' "$t" "${runs:-?}" "${rate:-?}" "${edges:-?}" "$result"
done
exit $failed
