#!/usr/bin/env bash
# Runs every fuzz target, or those named, for SECONDS each and one after the other; ends with a table, and with status 1 if any found something.
#   tests/fuzz/run.sh [SECONDS] [TARGET]...
# Built without a sanitizer: there is no unsafe code below the targets (tests/tidy.rs), so what can be found is a panic, an overflow, a failed
# assertion, a hang or too much memory, and these are found without one, several times as fast. FUZZ_SANITIZER=address builds with one.
# What was learned stays in FUZZ_DIR (target/fuzz) for the next run; an input that fails is kept there and named in the table.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-60}
shift || true
dir=${FUZZ_DIR:-target/fuzz}
fuzz=(cargo +nightly fuzz build --fuzz-dir tests/fuzz --sanitizer "${FUZZ_SANITIZER:-none}" --target-dir "$dir/build")
mkdir -p "$dir"

targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(sed -n 's/^name = "\(.*\)"$/\1/p' tests/fuzz/Cargo.toml | grep -v '^spanward-fuzz$')
if [ $# -gt 0 ]; then for t in "$@"; do "${fuzz[@]}" "$t"; done; else "${fuzz[@]}"; fi

# What the repository has of the right kind is where a target starts from.
seeds() {
  case $1 in
    capture | engine) find captures -name '*.pcap*' -size -200k 2>/dev/null ;;
    site) find captures tests -name '*.toml' -path '*site*' 2>/dev/null ;;
    ledger) find captures tests -name '*.csv' 2>/dev/null ;;
    signature) find signatures tests/bad_config/signature -name '*.toml' ;;
  esac
}

failed=0
table=$(printf '%-14s %12s %9s %8s  %s' target executions per_s corpus result)
for t in "${targets[@]}"; do
  mkdir -p "$dir/$t/corpus" "$dir/$t/found"
  while IFS= read -r f; do cp -f "$f" "$dir/$t/corpus/seed-$(cksum < "$f" | tr ' ' '-')"; done < <(seeds "$t")
  log="$dir/$t/log"
  result=ok
  "$dir/build/x86_64-unknown-linux-gnu/release/$t" "$dir/$t/corpus" -artifact_prefix="$dir/$t/found/" -max_total_time="$seconds" \
    -timeout=10 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 > "$log" 2>&1 || { failed=1; result="FAILED: $(sed -n 's/.*written to //p' "$log" | tail -n 1)"; }
  executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  rate=$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log")
  row=$(printf '%-14s %12s %9s %8s  %s' "$t" "${executions:-?}" "${rate:-?}" "$(find "$dir/$t/corpus" -type f | wc -l)" "$result")
  echo "$row"
  table+=$'\n'$row
done
printf '\n%s\n' "$table"
exit $failed
