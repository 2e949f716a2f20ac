#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Fuzzes the readers of untrusted files with libFuzzer, AddressSanitizer and UndefinedBehaviorSanitizer.
#
#   bash tests/fuzz/fuzz.sh [seconds per target, default 600] [target...]
#
# Requires clang++ with its runtime (Debian: clang, libclang-rt-14-dev), libjpeg-turbo and libwebp. New inputs are written to
# build/fuzz/<target>; a failing input is kept there as crash-…, and the exit status is not 0. One core, 1 GiB.
set -uo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd) || exit 1
seconds=${1:-600}
shift
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(pickle torch npz feature_statistics safetensors image lmdb pack diffusers_config diffusers_scheduler)
failed=0
for target in "${targets[@]}"; do
  libraries=()
  longest=4096
  case $target in
  image) libraries=(-DSCORESDE_WITH_JPEG -DSCORESDE_WITH_WEBP -lpng -ljpeg -lwebp) ;;
  lmdb | pack) longest=20000 ;; # a page or header has 4096 bytes
  esac
  work=$root/build/fuzz/$target
  mkdir -p "$work" || exit 1
  clang++ -std=c++20 -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -I"$root/include" -I"$root/tests" \
    "$root/tests/fuzz/${target}_fuzz.cpp" "${libraries[@]}" -lz -o "$work/../fuzz_$target" || exit 1
  "$work/../fuzz_$target" -max_total_time="$seconds" -rss_limit_mb=1024 -max_len=$longest -timeout=10 -print_final_stats=1 \
    -dict="$root/tests/fuzz/$target.dict" -artifact_prefix="$work/" "$work" "$root/tests/fuzz/corpus/$target" \
    2>"$work/../$target.log"
  status=$?
  [ $status -eq 0 ] || failed=1
  echo "$target: status $status, $(sed -n 's/^stat::number_of_executed_units: *//p' "$work/../$target.log") inputs"
done
exit $failed
