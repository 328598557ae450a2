#!/usr/bin/env bash
<<<<<<< HEAD
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
=======
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
>>>>>>> efa999f (fuzz: targets wire and engine, and a script that runs them all)
exit $failed
