#!/usr/bin/env bash
# Runs every fuzz target, or those named, for SECONDS each and one after the other; ends with a table, and with status 1 if any found something.
#   tests/fuzz/run.sh [SECONDS] [TARGET]...
# Built without a sanitizer: there is no unsafe code below the targets (tests/tidy.rs), so what can be found is a panic, an overflow, a failed
# assertion, a hang or too much memory, and these are found without one, several times as fast. So any toolchain will do, and no cargo-fuzz.
# FUZZ_SANITIZER=address builds with one, which needs a nightly toolchain and cargo-fuzz.
# What was learned stays in FUZZ_DIR (target/fuzz) for the next run; an input that fails is kept there and named in the table.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-60}
shift || true
case $seconds in '' | *[!0-9]*) sed -n '2,3s/^# *//p' "$0" >&2; exit 2 ;; esac
dir=${FUZZ_DIR:-target/fuzz}
mkdir -p "$dir"
host=$(rustc -vV | sed -n 's/^host: //p')

targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(sed -n 's/^name = "\(.*\)"$/\1/p' tests/fuzz/Cargo.toml | grep -v '^spanward-fuzz$')

# What cargo-fuzz passes, but for the sanitizer: coverage counters, comparisons, assertions and overflow checks.
build() {
  if [ -n "${FUZZ_SANITIZER:-}" ]; then
    cargo +nightly fuzz build --fuzz-dir tests/fuzz --sanitizer "$FUZZ_SANITIZER" --target-dir "$dir/build" "$1"
    return
  fi
  local flags=(--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares -Cdebug-assertions -Coverflow-checks -Ccodegen-units=1)
  RUSTFLAGS="${flags[*]}" cargo build --release --manifest-path tests/fuzz/Cargo.toml --target "$host" --target-dir "$dir/build" --bin "$1"
}
for t in "${targets[@]}"; do build "$t" || { echo "fuzz: $t does not build" >&2; exit 2; }; done

# What the repository has of the right kind is where a target starts from.
seeds() {
  case $1 in
    capture | engine) find captures -name '*.pcap' 2>/dev/null ;;
    site) find captures tests -name '*.toml' -path '*site*' 2>/dev/null ;;
    ledger) find captures tests -name '*.csv' 2>/dev/null ;;
    signature) find signatures tests/bad_config/signature -name '*.toml' ;;
  esac
}

# A run of the engine lays out 64 shards: with these, glibc keeps that memory for the next run instead of asking the kernel for new pages each time.
export MALLOC_TRIM_THRESHOLD_=268435456 MALLOC_MMAP_THRESHOLD_=268435456 MALLOC_TOP_PAD_=67108864

# Longer inputs than these only repeat themselves.
longest() {
  case $1 in
    ledger | site | signature) echo 8192 ;;
    engine) echo 12288 ;;
    *) echo 65536 ;;
  esac
}

failed=0
table=$(printf '%-14s %12s %9s %8s  %s' target executions per_s corpus result)
for t in "${targets[@]}"; do
  mkdir -p "$dir/$t/corpus" "$dir/$t/found"
  # The beginning will do: a capture that is cut is read as far as it goes.
  while IFS= read -r f; do head -c "$(longest "$t")" "$f" > "$dir/$t/corpus/seed-$(cksum < "$f" | tr ' ' '-')"; done < <(seeds "$t")
  log="$dir/$t/log"
  result=ok
  # A slow input and one that takes memory are failures too.
  "$dir/build/$host/release/$t" "$dir/$t/corpus" -artifact_prefix="$dir/$t/found/" -max_total_time="$seconds" \
    -timeout=10 -rss_limit_mb=2048 -max_len="$(longest "$t")" -print_final_stats=1 > "$log" 2>&1 || { failed=1; result="FAILED: $(sed -n 's/.*written to //p' "$log" | tail -n 1)"; }
  executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  rate=$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log")
  row=$(printf '%-14s %12s %9s %8s  %s' "$t" "${executions:-?}" "${rate:-?}" "$(find "$dir/$t/corpus" -type f | wc -l)" "$result")
  echo "$row"
  table+=$'\n'$row
done
printf '\n%s\n' "$table"
exit $failed
