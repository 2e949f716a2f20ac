#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# cifar10_train under what happens to a run that is left alone: SIGKILL at random moments, a full disk, a limit of the size
# of files, a folder that cannot be written, and a clock that is set. Its checkpoint and its log then equal those of a run
# that nothing happened to.
#
#   bash tests/programs/kill_training.sh CIFAR10_TRAIN [KILLS [SEED]]
#
# Parts that the machine does not allow (mounts need a user namespace or root) are skipped by name.
set -euo pipefail
source=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
program=${1:?the program cifar10_train}
kills=${2:-5}
RANDOM=${3:-1}
steps=60
folder=$(mktemp -d)
running=
busy=()
trap 'kill -9 $running "${busy[@]}" 2>/dev/null || true; rm -rf "$folder"' EXIT

fail() { echo "kill_training.sh: $*" >&2 && exit 1; }
shown() { cat "$folder/output" >&2 && fail "$*"; }
skip() { echo "skipped: $*"; }
prints() { grep -qF -- "$1" "$folder/output" || shown "the output does not contain '$1'"; }

# Black images of class 0: sparse files.
mkdir "$folder/data"
for name in data_batch_{1..5} test_batch; do truncate -s 30730000 "$folder/data/$name.bin"; done

# train <out> <option>...: a run of a tiny network, with every kind of file that a run writes.
options=(--data "$folder/data" --network nf=8 --network ch_mult=1,2 --network attn_resolutions= --batch 2 --threads 1
  --log-every 1 --checkpoint-every 2 --snapshot-every 20 --snapshot-steps 2 --keep-every 10 --keep 3
  --weights-every 40 --held-out-images 2 --ema-tracks 0.1 --iterations "$steps")
train() { "$program" "${options[@]}" --out "$@"; }
succeeds() { "$@" >"$folder/output" 2>&1 || shown "failed: $*"; }
resume_option() { [ ! -e "$1/checkpoint.safetensors" ] || echo --resume; }
# All columns of a log but the seconds.
rows() { cut -d, -f1,2,4- "$1/train_log.csv"; }
# The files of a run. One that is killed between a numbered checkpoint and the last one repeats its step, and keeps the
# first as superseded.
names() { (cd "$1" && ls -A | grep -v superseded); }
# same_run <folder>: it ended as the one that nothing happened to.
same_run() {
  cmp "$folder/whole/checkpoint.safetensors" "$1/checkpoint.safetensors" || fail "$1: another checkpoint"
  diff <(rows "$folder/whole") <(rows "$1") || fail "$1: another log"
  diff "$folder/whole/held_out.csv" "$1/held_out.csv" || fail "$1: other held-out losses"
  diff <(names "$folder/whole") <(names "$1") || fail "$1: other files"
  for file in "$folder/whole/"*.safetensors; do cmp "$file" "$1/${file##*/}" || fail "$1: another ${file##*/}"; done
}
milliseconds() { echo $(($(date +%s%N) / 1000000)); }

succeeds train "$folder/whole"
[ -e "$folder/whole/checkpoint_0000060.safetensors" ] || fail "the run has no numbered checkpoint"
[ "$(rows "$folder/whole" | wc -l)" -eq $((steps + 1)) ] || fail "the log of the whole run is not complete"

# --- SIGKILL ---
# Under load: a busy process per core.
for _ in $(seq "$(nproc)"); do
  (while :; do :; done) &
  busy+=($!)
done
begin=$(milliseconds)
succeeds train "$folder/loaded"
duration=$(($(milliseconds) - begin))
same_run "$folder/loaded"
done=0 round=0
while [ "$done" -lt "$kills" ]; do
  round=$((round + 1))
  out=$folder/killed-$round
  while [ "$done" -lt "$kills" ]; do
    # shellcheck disable=SC2046
    "$program" "${options[@]}" --out "$out" $(resume_option "$out") >"$folder/output" 2>&1 &
    running=$!
    wait=$((RANDOM * 32768 + RANDOM))
    wait=$((wait % duration))
    sleep "$(printf '%d.%03d' $((wait / 1000)) $((wait % 1000)))"
    if kill -9 "$running" 2>/dev/null; then
      status=0
      wait "$running" 2>/dev/null || status=$?
    else
      status=0
      wait "$running" || status=$?
    fi
    running=
    [ "$status" -eq 137 ] || break # it had ended
    done=$((done + 1))
  done
  [ "$status" -eq 137 ] || [ "$status" -eq 0 ] || shown "status $status of a resumed run"
  # shellcheck disable=SC2046
  succeeds train "$out" $(resume_option "$out")
  same_run "$out"
  rm -rf "$out"
done
kill -9 "${busy[@]}"
wait "${busy[@]}" 2>/dev/null || true
busy=()
echo "killed $done times in $round runs of $steps steps; checkpoints, weights and logs are bit-identical"

# --- a limit of the size of files: the checkpoint of the step before stays ---
out=$folder/limited
succeeds train "$out" --iterations 20
cp "$out/checkpoint.safetensors" "$folder/before"
size=$(stat -c %s "$out/checkpoint.safetensors")
status=0
(ulimit -f $((size / 2048)) && train "$out" --resume) >"$folder/output" 2>&1 || status=$?
[ "$status" -eq 153 ] || shown "status $status, not 153, under ulimit -f"
cmp "$folder/before" "$out/checkpoint.safetensors" || fail "ulimit -f changed the checkpoint"
succeeds train "$out" --resume
same_run "$out"
echo "a file beyond ulimit -f leaves the checkpoint, and the run goes on"

# --- a full disk ---
if ! unshare -rm true 2>/dev/null; then
  skip "full disk and read-only folder: mounts are not allowed here"
else
  mkdir "$folder/disk"
  full='mount -t tmpfs -o size="$1"k tmpfs "$2" && shift 2 && out=$1 && shift
    "$@" --out "$out" >"$OUTPUT" 2>&1; echo $? >"$STATUS"; ls -A "$out" >"$FILES"
    cp "$out/checkpoint.safetensors" "$KEPT" 2>/dev/null || true'
  export OUTPUT=$folder/output STATUS=$folder/status FILES=$folder/files KEPT=$folder/kept
  # Two checkpoints fit, the numbered ones do not.
  unshare -rm bash -c "$full" full $((size * 4 / 1024)) "$folder/disk" "$folder/disk/run" "$program" "${options[@]}" --keep 0
  [ "$(cat "$STATUS")" -eq 1 ] || shown "status $(cat "$STATUS"), not 1, on a full disk"
  prints "holds the last good state"
  grep -q '\.part-' "$FILES" && fail "a full disk leaves a half-written file"
  mkdir "$folder/freed"
  cp "$KEPT" "$folder/freed/checkpoint.safetensors"
  succeeds train "$folder/freed" --resume
  cmp "$folder/whole/checkpoint.safetensors" "$folder/freed/checkpoint.safetensors" || fail "another checkpoint"
  echo "a full disk ends the run with its last good checkpoint, which goes on elsewhere"

  # --- a folder that cannot be written ---
  cp -r "$folder/limited" "$folder/readonly"
  readonly='mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && shift && "$@"'
  status=0
  unshare -rm bash -c "$readonly" readonly "$folder/readonly" "$program" "${options[@]}" --out "$folder/readonly" --resume \
    --iterations 80 >"$folder/output" 2>&1 || status=$?
  [ "$status" -eq 1 ] || shown "status $status, not 1, in a read-only folder"
  prints "$folder/readonly"
  grep -q '^preset' "$folder/output" && fail "a run in a read-only folder began"
  echo "a read-only folder is rejected before the run"
fi

# --- a clock that is set: back by 30 days, then forward by 60, while the run trains ---
library=$(ls /usr/lib/*/faketime/libfaketime.so.1 2>/dev/null | head -1)
if [ -n "$library" ]; then
  echo "+0" >"$folder/clock-offset"
  LD_PRELOAD=$library FAKETIME_TIMESTAMP_FILE=$folder/clock-offset FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1 \
    "$program" "${options[@]}" --out "$folder/clock" --minutes 60 --checkpoint-minutes 30 >"$folder/output" 2>&1 &
  running=$!
  for offset in -30d +30d; do
    rows=$( (cat "$folder/clock/train_log.csv" 2>/dev/null || true) | wc -l)
    echo "$offset" >"$folder/clock-offset"
    # Until it trained on.
    until [ "$( (cat "$folder/clock/train_log.csv" 2>/dev/null || true) | wc -l)" -ge $((rows + 15)) ]; do
      kill -0 "$running" 2>/dev/null || { skip "a run whose clock is set: it ended before" && break; }
      sleep 0.01
    done
  done
  wait "$running" || shown "a run whose clock was set failed"
  running=
  same_run "$folder/clock"
  echo "a clock that is set changes nothing"
else
  skip "a run whose clock is set: libfaketime is not installed"
fi
# Durations are those of a clock that is never set; the other one is read for a date alone, in forecast.cpp.
if grep -rnE 'system_clock|gettimeofday|CLOCK_REALTIME|\btime\((NULL|nullptr|0)\)' "$source/include" "$source/examples/cli" \
  "$source/examples/engine" | grep -v '^[^:]*/cli/forecast\.cpp:'; then
  fail "a clock that can be set is read"
fi
echo "durations are measured by a monotonic clock"
