#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A batch script: trains for a given number of minutes on a machine with a GPU, in calls of limited length that resume one
# another. Each call leaves files of limited size and number in --out.
#
#   bash benchmarks/device/train_on_device.sh --data FOLDER --minutes M [options] [-- options of cifar10_train]
#
#   --data          folder with data_batch_1.bin … data_batch_5.bin of CIFAR-10
#   --minutes       of training in total, over all calls
#   --bin           the output of pack_for_device.sh, or a build folder (default: build)
#   --run           folder of the run, kept between calls (default: device-run)
#   --previous      on another machine: a copy of --out of an earlier call, from which the run continues
#   --out           folder of the results (default: $OUT, or <run>/out): weights.safetensors and checkpoint.safetensors in parts,
#                   which parts.sh verifies and joins; train_log.csv, samples.png, log.txt
#   --part-mib      largest size of a part in MiB (default: 16)
#   --files         largest number of files in --out (default: no limit); if it is exceeded, none is written
#   --weights-only  omits checkpoint.safetensors, which is four times as large as the weights
#   --seconds       limit of this call (default: 540), of which 75 are reserved for everything except training
#   --sample        options of cifar10_sample, as one word (default: "--samples 64 --seed 0 --batch 64")
#   --backend       cuda, or cpu for a machine without a GPU
#   --dry-run       checks everything without starting work on the device: programs, libraries, data, the run so far, the folders, the
#                   options and the minutes. Status 1 if one of them is wrong, 2 for the options of this script
#
# Programs find cuDNN and cuBLASLt as described in device.sh.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/device_libraries.sh"

fail() { echo "train_on_device.sh: $*" >&2 && exit 1; }
usage() { echo "train_on_device.sh: $*" >&2 && exit 2; }
data="" minutes="" bin=build run=device-run previous="" out="" weights_only=false seconds=540 part_mib=16 files="" backend=cuda dry=false
sample="--samples 64 --seed 0 --batch 64"
train_options=()
while [ $# -gt 0 ]; do
  case $1 in
    --data | --minutes | --bin | --run | --previous | --out | --seconds | --sample | --backend)
      [ $# -ge 2 ] || usage "$1 requires a value"
      printf -v "${1#--}" %s "$2" && shift 2 ;;
    --part-mib | --files)
      [ $# -ge 2 ] || usage "$1 requires a value"
      [[ $2 =~ ^[1-9][0-9]*$ ]] || usage "$1 is '$2'; it must be a whole number above 0"
      case $1 in --part-mib) part_mib=$2 ;; --files) files=$2 ;; esac
      shift 2 ;;
    --weights-only) weights_only=true && shift ;;
    --dry-run) dry=true && shift ;;
    --) shift && train_options=("$@") && break ;;
    *) usage "'$1' is not an option; the first lines of the script list them" ;;
  esac
done
[ -n "$data" ] || usage "--data is missing: the folder with data_batch_1.bin"
[[ $minutes =~ ^[0-9]+(\.[0-9]+)?$ ]] || usage "--minutes is '$minutes'; it must be a number"
[[ $seconds =~ ^[0-9]+$ ]] || usage "--seconds is '$seconds'; it must be a whole number"
case $backend in cuda | cpu) ;; *) usage "--backend is '$backend'; it must be cuda or cpu" ;; esac
out=${out:-${OUT:-$run/out}}
end=$((SECONDS + seconds)) reserve=75 sampling=45
[ "$seconds" -gt $((reserve + 4)) ] || usage "--seconds is $seconds; it must be at least $((reserve + 5)), of which $reserve are reserved for everything except training"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
train=$(program_among cifar10_train "$bin" "$bin/bin" "$bin/examples/cifar10")
sampler=$(program_among cifar10_sample "$bin" "$bin/bin" "$bin/examples/cifar10")
checkpoint=$run/checkpoint.safetensors log=$run/train_log.csv
on=(--backend "$backend")
if [ "$backend" = cuda ]; then on+=(--plan-cache "$run/plans"); fi

# Checks everything that does not require a device; prints a line per error and returns 1 if there is any.
check() {
  local i size wrong=0
  starts "$train" --help || wrong=1
  starts "$sampler" --help || wrong=1
  for i in 1 2 3 4 5; do
    size=$(stat -Lc %s "$data/data_batch_$i.bin" 2>/dev/null || echo none)
    [ "$size" = 30730000 ] || { echo "wrong: $data/data_batch_$i.bin has $size bytes; it must have 30730000" && wrong=1; }
  done
  for i in "$run" "$out"; do
    if mkdir -p "$i" 2>/dev/null && touch "$i/.writable" 2>/dev/null; then
      rm "$i/.writable"
    else
      echo "wrong: $i cannot be written" && wrong=1
    fi
  done
  return "$wrong"
}

# Restores the run from --previous, unless --run contains it.
recall() {
  if [ -e "$checkpoint" ] || [ -z "$previous" ]; then return 0; fi
  bash "$here/parts.sh" join "$previous/checkpoint.safetensors" "$work/checkpoint.safetensors" || return 1
  cp "$previous/train_log.csv" "$work/" || return 1
  mkdir -p "$run" && mv "$work/train_log.csv" "$log" && mv "$work/checkpoint.safetensors" "$checkpoint"
}

# Seconds of training recorded in the log.
trained() { if [ -e "$log" ]; then tail -n 1 "$log" | awk -F, '$3 + 0 == $3 { printf "%d", $3 }'; fi; }

# plan: sets done_seconds, left_seconds and train_seconds.
plan() {
  done_seconds=$(trained)
  done_seconds=${done_seconds:-0}
  left_seconds=$(awk -v m="$minutes" -v d="$done_seconds" 'BEGIN { s = 60 * m - d; printf "%d", (s > 0 ? s + 0.5 : 0) }')
  train_seconds=$((end - SECONDS - reserve))
  if [ "$left_seconds" -lt "$train_seconds" ]; then train_seconds=$left_seconds; fi
}

# export_weights <folder of a run> <file>: reads the whole checkpoint, which checks it.
export_weights() { "$train" --out "$1" --export-ema "$2"; }

command=("$train" --data "$data" --out "$run" "${on[@]}" ${train_options[@]+"${train_options[@]}"})

dry_run() {
  local wrong=0 output resume=() calls
  find_libraries "$bin" "$(command -v python3 || true)"
  print_libraries
  check || wrong=1
  if [ -e "$checkpoint" ] || [ -n "$previous" ]; then
    # Into a temporary folder: a dry run changes nothing.
    if [ ! -e "$checkpoint" ]; then
      run=$work/run checkpoint=$work/run/checkpoint.safetensors log=$work/run/train_log.csv
    fi
    if recall && output=$(export_weights "$run" "$work/weights.safetensors" 2>&1); then
      echo "run so far         $output"
      resume=(--resume)
    else
      echo "wrong: the run cannot continue: ${output:-}" && wrong=1
    fi
  fi
  plan
  calls=$(((left_seconds + seconds - reserve - 1) / (seconds - reserve)))
  echo "minutes            $minutes in all, $((done_seconds / 60)) done; this call trains for $train_seconds s of $seconds, $calls of them are needed"
  command=("$train" --data "$data" --out "$run" "${on[@]}" ${train_options[@]+"${train_options[@]}"} ${resume[@]+"${resume[@]}"})
  echo "command            ${command[*]} --minutes $(awk -v s="$train_seconds" 'BEGIN { print s / 60 }')"
  if [ "$backend" = cuda ] && [ "$wrong" -eq 0 ]; then
    # Without a visible device the program must stop where it selects one.
    output=$(CUDA_VISIBLE_DEVICES="" timeout 60 "${command[@]}" 2>&1)
    case $output in
      *"no device can be used"*) ;;
      *) echo "wrong: cifar10_train stops before it selects a device: $output" && wrong=1 ;;
    esac
  fi
  return "$wrong"
}

if $dry; then
  dry_run
  exit
fi

find_libraries "$bin" "$(command -v python3 || true)"
check || fail "nothing was started"
recall || fail "--previous: the run cannot continue from $previous"
plan
resume=()
if [ -e "$checkpoint" ]; then resume=(--resume); fi
if [ "$train_seconds" -gt 0 ]; then
  echo "training for $train_seconds s of the remaining $left_seconds s"
  # --minutes counts from when cuDNN's plans are built; if building them takes long, SIGINT makes the program save in time.
  status=0
  timeout --signal=INT --kill-after=20 $((end - SECONDS - reserve + 30)) "${command[@]}" ${resume[@]+"${resume[@]}"} \
    --minutes "$(awk -v s="$train_seconds" 'BEGIN { print s / 60 }')" >"$run/log.txt" 2>&1 || status=$?
  # 124 from timeout, 130 from the program: stopped by SIGINT and saved.
  case $status in
    0 | 124 | 130) ;;
    *) tail -n 5 "$run/log.txt" >&2 && fail "cifar10_train ended with status $status; $run/log.txt has its whole output" ;;
  esac
  tail -n 2 "$run/log.txt"
fi

export_weights "$run" "$run/weights.safetensors" || fail "the weights cannot be exported"
carried=("$run/weights.safetensors")
if ! $weights_only; then carried+=("$checkpoint"); fi
if [ -n "$files" ]; then
  needed=3 # train_log.csv, log.txt, samples.png
  for one in "${carried[@]}"; do needed=$((needed + 1 + ($(stat -Lc %s "$one") + part_mib * 1048576 - 1) / (part_mib * 1048576))); done
  [ "$needed" -le "$files" ] || fail "--files is $files; $needed would be written. Use a larger --part-mib or --weights-only"
fi
for one in "${carried[@]}"; do bash "$here/parts.sh" split "$one" "$out" --mib "$part_mib" || exit 1; done
cp "$log" "$out/"
if [ -e "$run/log.txt" ]; then cp "$run/log.txt" "$out/"; fi
plan
echo "trained for $((done_seconds / 60)) of $minutes minutes; the weights are in $out, in parts"
status=0
limit=$((end - SECONDS < sampling ? end - SECONDS : sampling))
# shellcheck disable=SC2086  # options in one word
if timeout --kill-after=5 "$limit" "$sampler" --checkpoint "$run/weights.safetensors" --out "$run/samples" --overwrite "${on[@]}" $sample \
  >"$run/sample_log.txt" 2>&1; then
  cp "$run/samples/samples.png" "$out/"
else
  echo "train_on_device.sh: no samples within $limit s: $(tail -n 1 "$run/sample_log.txt")" >&2 && status=1
fi
if [ "$left_seconds" -gt 0 ]; then echo "$left_seconds s remain: call again with the same options"; fi
exit "$status"
