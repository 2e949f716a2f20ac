#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs missing packages, builds everything and runs every test.
#
#   bash tests/run.sh [ctest arguments, such as -L quick]
#
# SCORESDE_BUILD_DIR is the build folder (default build/tests), SCORESDE_JOBS the number of
# processes (default: all cores). The last line counts the tests; the status is 0 only if all pass.
set -uo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd) || exit 1
build=${SCORESDE_BUILD_DIR:-$root/build/tests}
jobs=${SCORESDE_JOBS:-$(nproc)}
started=$SECONDS

source "$root/tests/packages.sh"
install_missing_packages "${program_packages[@]}" "${test_packages[@]}" || exit 1

generator=()
[ -f "$build/CMakeCache.txt" ] || ! command -v ninja >/dev/null || generator=(-G Ninja)
configured=$build/configure.log
mkdir -p "$build"
cmake -S "$root" -B "$build" "${generator[@]}" -DSCORESDE_BUILD_TESTS=ON -DSCORESDE_BUILD_EXAMPLES=ON \
  -DSCORESDE_BUILD_BENCHMARKS=ON -DSCORESDE_FAST_TEST_BUILD=ON | tee "$configured" || exit 1

# A file that does not compile fails the tests that need it; the others still run.
keep_going=-k
grep -q '^CMAKE_GENERATOR:INTERNAL=Ninja' "$build/CMakeCache.txt" && keep_going=-k0
cmake --build "$build" --parallel "$jobs" -- "$keep_going"
built=$?
built_after=$((SECONDS - started))

log=$build/ctest.log
ctest --test-dir "$build" --parallel "$jobs" --output-on-failure --no-tests=error "$@" | tee "$log"
tested=$?

# Format of ctest: one line per test, "12/34 Test #5: name ....   Passed   0.10 sec".
count() { grep -cE "^ *[0-9]+/[0-9]+ Test +#[0-9]+: .*$1" "$log"; }
total=$(count '')
passed=$(count '   Passed +[0-9.]+ sec$')
skipped=$(count '\*\*\*Skipped +[0-9.]+ sec$')
failed=$((total - passed - skipped))

# What takes the longest, in seconds of one of the processes that run at once. longest <what>: lines of "seconds <tab> name".
longest() {
  sort -rn | awk -F'\t' -v what="$1" '{ sum += $1 } NR <= 20 { lines = lines sprintf("%8.1f s  %s\n", $1, $2) }
    END { printf "%s: %d s, the longest\n%s", what, sum, lines }'
}
[ ! -f "$build/.ninja_log" ] || awk -F'\t' 'NF == 5 { print ($2 - $1) / 1000 "\t" $4 }' "$build/.ninja_log" | longest Build
sed -nE 's/^ *[0-9]+\/[0-9]+ Test +#[0-9]+: (.*) +([0-9.]+) sec$/\2\t\1/p' "$log" |
  sed -E 's/ ?\.*(\*\*\*| {3})[A-Z][A-Za-z ()]*$//' | longest Tests

# CUDA is not a Debian package; it is used if found.
echo "CUDA: $(sed -n 's/^--   scoresde::cuda *//p' "$configured")"
[ "$built" -eq 0 ] || echo "The build failed: see the first error above."
echo "Installed and built after ${built_after} s, tested after $((SECONDS - started)) s"
if [ "$skipped" -gt 0 ]; then
  echo "$passed passed, $failed failed, $skipped skipped"
else
  echo "$passed passed, $failed failed"
fi
[ "$built" -eq 0 ] && [ "$tested" -eq 0 ] && [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
