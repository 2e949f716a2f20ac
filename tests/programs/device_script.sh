#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# pack_for_device.sh collects what device.sh needs; the budgets of device.sh fit into its time, its dry run starts every
# program, and without a device it runs all parts, reports why each failed, and still writes its report.
#
#   bash tests/programs/device_script.sh BUILD_FOLDER
set -euo pipefail
source=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${1:?a build folder}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export CUDA_VISIBLE_DEVICES=""

fail() { echo "device_script.sh: $*" >&2 && exit 1; }
contains() { grep -qF -- "$2" "$1" || { cat "$1" && fail "$1 does not contain '$2'"; }; }

status=0
bash "$source/benchmarks/device/pack_for_device.sh" "$build" "$folder/rejected" --arch 75 --this-machine 2>"$folder/rejection" || status=$?
[ "$status" -eq 1 ] || fail "code for another device was packed"
contains "$folder/rejection" "the device needs 75"
status=0
bash "$source/benchmarks/device/pack_for_device.sh" "$build" "$folder/rejected" --this-machine --mib 1 2>"$folder/rejection" || status=$?
[ "$status" -eq 1 ] || fail "a pack larger than --mib was made"
contains "$folder/rejection" "--mib allows 1"
# A fast test build is unoptimized, with code for three kinds of devices.
bash "$source/benchmarks/device/pack_for_device.sh" "$build" "$folder/pack" --this-machine --mib 128

script=$folder/pack/benchmarks/device/device.sh
bash "$script" --bin "$folder/pack" --out "$folder/report" --dry-run >"$folder/dry" || { cat "$folder/dry" && fail "the dry run failed"; }
for word in "tests, " "network_training_128_bf16, " "assign, " "sampler, " "train, " "pytorch, " "memcheck, " "racecheck, " "memcheck_network, " "concurrently with the tests: "; do
  contains "$folder/dry" "$word"
done
if grep -q "budgets exceed" "$folder/dry"; then cat "$folder/dry" && fail "its budgets exceed what it allows"; fi
[ ! -e "$folder/report/device.md" ] || fail "a dry run wrote a report"

[ -s "$folder/pack/golden/net_ddpmpp.safetensors" ] || fail "the pack lacks the golden networks"

# The CIFAR-10 programs of the pack, with the libraries in the pack.
mkdir "$folder/data"
for i in 1 2 3 4 5; do truncate -s 30730000 "$folder/data/data_batch_$i.bin"; done
bash "$folder/pack/benchmarks/device/train_on_device.sh" --bin "$folder/pack" --data "$folder/data" --run "$folder/training" --minutes 12 \
  --dry-run >"$folder/dry_training" || { cat "$folder/dry_training" && fail "the dry run of the training failed"; }
contains "$folder/dry_training" "$folder/pack/bin/cifar10_train"
compgen -G "$folder/pack/lib/libpng16.so*" >/dev/null || fail "the pack lacks libpng"

rm "$folder/pack/bin/benchmark_device_assign"
status=0
bash "$script" --bin "$folder/pack" --out "$folder/report" --dry-run >"$folder/dry" || status=$?
[ "$status" -eq 1 ] || fail "a dry run without a program ends with status $status"
contains "$folder/dry" "missing: benchmark_device_assign"
sed 's/^network="networks/network="no networks/' "$script" >"$folder/pack/benchmarks/device/renamed.sh"
bash "$folder/pack/benchmarks/device/renamed.sh" --bin "$folder/pack" --out "$folder/report" --dry-run >"$folder/dry" || true
contains "$folder/dry" "is named 'no networks on the device are conditioned on classes'"

bash "$script" --bin "$folder/pack" --out "$folder/report" --seconds 200 >"$folder/run" 2>&1 || { cat "$folder/run" && fail "the run failed"; }
report=$folder/report/device.md
contains "$report" "| tests | skipped: no device |"
contains "$report" "| assign | status 127"
contains "$report" "| plans | status 1"
for part in network_forward_64_bf16 sampler train; do
  grep -qE "^\| $part \| status 1: .*no device can be used" "$report" || { cat "$report" && fail "$part does not report why it failed"; }
done
python3 -c 'import json, sys; print(len(json.load(open(sys.argv[1]))["parts"]), "parts")' "$folder/report/device.json"
[ -s "$folder/report/log.txt" ] || fail "the log is missing or empty"
