#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# parts.sh gives back what it was given or nothing; train_on_device.sh finds in its dry run what is amiss, leaves nothing
# where there is no device, and on the CPU trains in calls that go on where the one before stopped.
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
# refused <words> <command>...: it ends with another status than 0 and says the words.
refused() {
  local words=$1 status=0
  shift
  "$@" >"$folder/said" 2>&1 || status=$?
  [ "$status" -ne 0 ] || { cat "$folder/said" && fail "not refused: $*"; }
  grep -qF -- "$words" "$folder/said" || { cat "$folder/said" && fail "'$*' does not say '$words'"; }
}
says() { grep -qF -- "$1" "$folder/said" || { cat "$folder/said" && fail "it does not say '$1'"; }; }
succeeds() { "$@" >"$folder/said" 2>&1 || { cat "$folder/said" && fail "failed: $*"; }; }

parts=$source/examples/cifar10/parts.sh
head -c 40000000 /dev/urandom >"$folder/weights"
succeeds bash "$parts" split "$folder/weights" "$folder/carried"
[ "$(find "$folder/carried" -name 'weights.part-*' | wc -l)" -eq 3 ] || fail "40 MB are not three parts"
[ -z "$(find "$folder/carried" -size +16384k)" ] || fail "a part is larger than 16 MiB"
succeeds bash "$parts" join "$folder/carried/weights" "$folder/joined"
cmp "$folder/weights" "$folder/joined"
rm "$folder/joined"
printf x | dd of="$folder/carried/weights.part-001" bs=1 seek=77 conv=notrunc status=none
refused "weights.part-001" bash "$parts" join "$folder/carried/weights" "$folder/joined"
rm "$folder/carried/weights.part-002"
refused "weights.part-002" bash "$parts" verify "$folder/carried/weights"
refused "not finished" bash "$parts" join "$folder/carried/other" "$folder/joined"
[ ! -e "$folder/joined" ] || fail "damaged parts were joined"
[ -z "$(find "$folder" -name '*.joining')" ] || fail "a half-joined file was left"
succeeds bash "$parts" split "$parts" "$folder/carried" --mib 1
[ -e "$folder/carried/parts.sh.sha256" ] || fail "there is no list of parts"

# Black pictures of airplanes: holes in five files.
mkdir "$folder/data"
for i in 1 2 3 4 5; do truncate -s 30730000 "$folder/data/data_batch_$i.bin"; done
script=$source/examples/cifar10/train_on_device.sh
train() { bash "$script" --bin "$build" --data "$folder/data" --run "$folder/run" --out "$folder/out" "$@"; }

succeeds train --minutes 30 --dry-run -- --batch 128
# Of 540 s 75 are kept, and a few are over when it says so.
grep -qE "30 in all, 0 done; this call trains for 46[0-5] s of 540, 4 of them are needed" "$folder/said" ||
  { cat "$folder/said" && fail "the minutes are not planned"; }
says "--batch 128 --minutes 7."
[ -z "$(find "$folder/run" "$folder/out" -type f)" ] || fail "a dry run left files"
refused "--minutes is 'soon'" train --minutes soon --dry-run
refused "--seconds is 60" train --minutes 1 --seconds 60 --dry-run
refused "huge" train --minutes 1 --dry-run -- --preset huge
refused "--threads does not go with --backend cuda" train --minutes 1 --dry-run -- --threads 2
refused "no option of it" train --minutes 1 --quick
refused "cannot be written" train --minutes 1 --dry-run --out /proc/self/out
refused "missing: cifar10_train is nowhere" train --minutes 1 --dry-run --bin "$folder"
truncate -s 1000 "$folder/data/data_batch_3.bin"
refused "data_batch_3.bin has 1000 bytes" train --minutes 1 --dry-run
truncate -s 30730000 "$folder/data/data_batch_3.bin"
refused "no device can be used" train --minutes 1
[ -z "$(find "$folder/out" -type f)" ] || fail "without a device something was left to carry away"
rm -r "$folder/run" "$folder/out"

tiny=(--batch 2 --threads 2 --log-every 1 --snapshot-every 0)
on_cpu() { train --backend cpu --sample "--samples 2 --steps 2 --threads 2" "$@" -- "${tiny[@]}"; }
steps() { tail -n 1 "$1/train_log.csv" | cut -d, -f1; }
succeeds on_cpu --minutes 0.05
first=$(steps "$folder/out")
for file in weights.safetensors.sha256 checkpoint.safetensors.part-001 train_log.csv samples.png log.txt; do
  [ -s "$folder/out/$file" ] || fail "the first call left no $file"
done
# Another machine: only what was carried away is there.
mv "$folder/out" "$folder/before" && rm -r "$folder/run"
succeeds train --minutes 30 --previous "$folder/before" --dry-run -- --batch 2
says "holds the EMA weights of step $first"
[ ! -e "$folder/run/checkpoint.safetensors" ] || fail "a dry run took the run over"
succeeds on_cpu --minutes 0.15 --previous "$folder/before"
[ "$(steps "$folder/out")" -gt "$first" ] || fail "the second call did not go on from step $first"
grep -q "^$first,$((2 * first))," "$folder/out/train_log.csv" || fail "the second call's log has no row of step $first"
succeeds bash "$parts" join "$folder/out/weights.safetensors" "$folder/joined"
cmp "$folder/joined" "$folder/run/weights.safetensors"
last=$(steps "$folder/out")
succeeds on_cpu --minutes 0.15 --weights-only
[ "$(steps "$folder/out")" -eq "$last" ] || fail "it trained though no minutes were left"
truncate -s 5000 "$folder/run/checkpoint.safetensors"
refused "the run cannot go on" train --minutes 30 --dry-run
