#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# parts.sh joins exactly the file that was split or nothing; train_on_device.sh finds problems in its dry run, leaves no
# files without a device, and on the CPU trains in calls that continue where the previous one stopped.
#
#   bash tests/programs/train_on_device_script.sh BUILD_FOLDER
set -euo pipefail
source=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${1:?a build folder}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export CUDA_VISIBLE_DEVICES=""
unset OUT

fail() { echo "train_on_device_script.sh: $*" >&2 && exit 1; }
# rejected <words> <command>...: the command ends with a status other than 0 and prints the words.
rejected() {
  local words=$1 status=0
  shift
  "$@" >"$folder/output" 2>&1 || status=$?
  [ "$status" -ne 0 ] || { cat "$folder/output" && fail "not rejected: $*"; }
  grep -qF -- "$words" "$folder/output" || { cat "$folder/output" && fail "'$*' does not print '$words'"; }
}
# misused <words> <command>...: the same with status 2, for options of a script.
misused() {
  local words=$1 status=0
  shift
  "$@" >"$folder/output" 2>&1 || status=$?
  [ "$status" -eq 2 ] || { cat "$folder/output" && fail "status $status, not 2: $*"; }
  prints "$words"
}
prints() { grep -qF -- "$1" "$folder/output" || { cat "$folder/output" && fail "the output does not contain '$1'"; }; }
succeeds() { "$@" >"$folder/output" 2>&1 || { cat "$folder/output" && fail "failed: $*"; }; }

parts=$source/benchmarks/device/parts.sh
head -c 40000000 /dev/urandom >"$folder/weights"
succeeds bash "$parts" split "$folder/weights" "$folder/carried"
[ "$(find "$folder/carried" -name 'weights.part-*' | wc -l)" -eq 3 ] || fail "40 MB are not split into three parts"
[ -z "$(find "$folder/carried" -size +16384k)" ] || fail "a part is larger than 16 MiB"
succeeds bash "$parts" join "$folder/carried/weights" "$folder/joined"
cmp "$folder/weights" "$folder/joined"
rm "$folder/joined"
printf x | dd of="$folder/carried/weights.part-001" bs=1 seek=77 conv=notrunc status=none
rejected "weights.part-001" bash "$parts" join "$folder/carried/weights" "$folder/joined"
rm "$folder/carried/weights.part-002"
rejected "weights.part-002" bash "$parts" verify "$folder/carried/weights"
rejected "incomplete split" bash "$parts" join "$folder/carried/other" "$folder/joined"
[ ! -e "$folder/joined" ] || fail "damaged parts were joined"
[ -z "$(find "$folder" -name '*.joining')" ] || fail "a half-joined file was left"
succeeds bash "$parts" split "$parts" "$folder/carried" --mib 1
[ -e "$folder/carried/parts.sh.sha256" ] || fail "the list of parts is missing"

# Black images of class 0: five sparse files.
mkdir "$folder/data"
for i in 1 2 3 4 5; do truncate -s 30730000 "$folder/data/data_batch_$i.bin"; done
script=$source/benchmarks/device/train_on_device.sh
train() { bash "$script" --bin "$build" --data "$folder/data" --run "$folder/run" --out "$folder/out" "$@"; }

succeeds train --minutes 30 --dry-run -- --batch 128
# 75 of the 540 s are reserved, and a few have passed when the line is printed.
grep -qE "30 in all, 0 done; this call trains for 46[0-5] s of 540, 4 of them are needed" "$folder/output" ||
  { cat "$folder/output" && fail "the training time is not planned as expected"; }
prints "--batch 128 --minutes 7."
[ -z "$(find "$folder/run" "$folder/out" -type f)" ] || fail "a dry run left files"
misused "--minutes is 'soon'" train --minutes soon --dry-run
misused "--seconds is 60" train --minutes 1 --seconds 60 --dry-run
misused "--backend is 'gpu'" train --minutes 1 --backend gpu
misused "--files requires a value" train --minutes 1 --files
misused "--data is missing" bash "$script" --minutes 1
misused "usage: parts.sh" bash "$parts" split "$parts"
misused "usage: parts.sh" bash "$parts" join
misused "usage: pack_for_device.sh" bash "$source/benchmarks/device/pack_for_device.sh" "$build"
misused "usage: bash plot_loss.sh" bash "$source/examples/cifar10/plot_loss.sh" "$folder/run/train_log.csv"
misused "usage: bash plot_ablation.sh" bash "$source/examples/cifar10/plot_ablation.sh" "$folder/run/ablation.csv"
misused "usage: bash plot_accuracy.sh" bash "$source/examples/cifar10/plot_accuracy.sh"
rejected "huge" train --minutes 1 --dry-run -- --preset huge
rejected "--threads cannot be combined with --backend cuda" train --minutes 1 --dry-run -- --threads 2
misused "is not an option" train --minutes 1 --quick
rejected "cannot be written" train --minutes 1 --dry-run --out /proc/self/out
rejected "missing: cifar10_train is not in --bin" train --minutes 1 --dry-run --bin "$folder"
truncate -s 1000 "$folder/data/data_batch_3.bin"
rejected "data_batch_3.bin has 1000 bytes" train --minutes 1 --dry-run
truncate -s 30730000 "$folder/data/data_batch_3.bin"
rejected "no device can be used" train --minutes 1
[ -z "$(find "$folder/out" -type f)" ] || fail "without a device files were left in the output folder"
rm -r "$folder/run" "$folder/out"

tiny=(--batch 2 --threads 2 --log-every 1 --snapshot-every 0)
on_cpu() { train --backend cpu --sample "--samples 2 --steps 2 --threads 2" "$@" -- "${tiny[@]}"; }
steps() { tail -n 1 "$1/train_log.csv" | cut -d, -f1; }
succeeds on_cpu --minutes 0.05
first=$(steps "$folder/out")
for file in weights.safetensors.sha256 checkpoint.safetensors.part-001 train_log.csv samples.png log.txt; do
  [ -s "$folder/out/$file" ] || fail "the first call did not write $file"
done
# Another machine: only the copied files exist.
mv "$folder/out" "$folder/before" && rm -r "$folder/run"
succeeds train --minutes 30 --previous "$folder/before" --dry-run -- --batch 2
prints "holds the EMA weights of step $first"
[ ! -e "$folder/run/checkpoint.safetensors" ] || fail "a dry run copied the run"
succeeds on_cpu --minutes 0.15 --previous "$folder/before"
[ "$(steps "$folder/out")" -gt "$first" ] || fail "the second call did not continue from step $first"
grep -q "^$first,$((2 * first))," "$folder/out/train_log.csv" || fail "the second call's log has no row of step $first"
succeeds bash "$parts" join "$folder/out/weights.safetensors" "$folder/joined"
cmp "$folder/joined" "$folder/run/weights.safetensors"
last=$(steps "$folder/out")
succeeds on_cpu --minutes 0.15 --weights-only
[ "$(steps "$folder/out")" -eq "$last" ] || fail "a call trained although no time was left"
# The limits of a call: files in all, and bytes of each.
rm -r "$folder/out"
rejected "would be written" on_cpu --minutes 0.15 --weights-only --files 4
[ -z "$(find "$folder/out" -type f)" ] || fail "files beyond the limit were left"
rejected "--part-mib is '0'" train --minutes 1 --part-mib 0
succeeds on_cpu --minutes 0.15 --weights-only --part-mib 1 --files 100
[ -z "$(find "$folder/out" -name '*.part-*' -size +1024k)" ] || fail "a part is larger than --part-mib"
succeeds bash "$parts" join "$folder/out/weights.safetensors" "$folder/joined"
cmp "$folder/joined" "$folder/run/weights.safetensors"
truncate -s 5000 "$folder/run/checkpoint.safetensors"
rejected "the run cannot continue" train --minutes 30 --dry-run
