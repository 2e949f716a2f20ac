#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A batch script for a machine with a GPU: the tests of label gpu, compute-sanitizer on a small suite, all benchmarks of
# the CUDA backend, and whole networks compared with compiled PyTorch, in the seconds that one call may take.
#
#   bash benchmarks/device/device.sh [--bin FOLDER] [--out FOLDER] [--seconds N] [--only WORD] [--dry-run]
#
#   --bin      the output of pack_for_device.sh, or a build folder (default: build)
#   --out      folder of device.md, device.json and log.txt (default: $OUT, or device-report); written after every part
#   --seconds  in total (default: 525); a part gets the smaller of its budget and the time left
#   --only     parts whose name contains WORD; --only pytorch gives the comparison the whole time
#   --dry-run  does everything except starting work on the device: prints what was found and every command with its
#              budget. Status 1 if a program is missing or does not start
#
# The machine needs a driver, cuDNN 9 and cuBLASLt (from SCORESDE_CUDNN_LIBRARY and SCORESDE_CUBLASLT_LIBRARY, PyTorch's
# wheels, or the toolkit), and for their parts python3 with PyTorch and compute-sanitizer. It does not need CMake.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/device_libraries.sh"

bin=build out=${OUT:-device-report} seconds=525 only="" dry=false
while [ $# -gt 0 ]; do
  case $1 in
    --bin) bin=${2:?} && shift 2 ;;
    --out) out=${2:?} && shift 2 ;;
    --seconds) seconds=${2:?} && shift 2 ;;
    --only) only=${2:?} && shift 2 ;;
    --dry-run) dry=true && shift ;;
    *) echo "device.sh: unknown option '$1'; options are --bin, --out, --seconds, --only and --dry-run" >&2 && exit 2 ;;
  esac
done
end=$((SECONDS + seconds))
mkdir -p "$out" || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
missing=0

program() { program_among "$1" "$bin" "$bin/bin" "$bin/benchmarks" "$bin/tests"; }

find_python() {
  local candidate
  for candidate in python3 /usr/bin/python3; do
    if "$candidate" -c 'import torch' 2>/dev/null; then echo "$candidate" && return; fi
  done
}

# part <name> <budget> <command>...: runs the command independently of the results of other parts.
part() {
  local name=$1 budget=$2 limit=$((end - SECONDS)) begin=$SECONDS status
  shift 2
  case $name in *"$only"*) ;; *) return ;; esac
  if [ "$limit" -gt "$budget" ]; then limit=$budget; fi
  if $dry; then
    echo "$name, $budget s: $*"
    planned=$((planned + budget))
    return
  fi
  if [ "$limit" -lt 5 ]; then
    status=skipped
  else
    echo "--- $name: at most $limit s" && timeout -k 5 "$limit" "$@" >"$work/$name.log" 2>&1
    status=$?
  fi
  printf '%s\t%s\t%s\t%s\t%s\n' "$name" "$budget" $((SECONDS - begin)) "$status" "$*" >>"$work/parts.tsv"
  echo "    status $status after $((SECONDS - begin)) s"
  "${python:-python3}" -B "$here/device_report.py" "$work" "$out"
}

# prepare <name of a part> <command>...: runs the command concurrently with the tests, so that cuDNN's plans are stored when the part begins.
# cuDNN builds plans sequentially: those of a training step of DDPM++ take a minute of one core.
prepare() {
  local name=$1
  shift
  case $name in *"$only"*) ;; *) return ;; esac
  if $dry; then
    echo "concurrently with the tests: $*"
  else
    timeout -k 5 "$plan_seconds" "$@" >"$work/plans_$name.log" 2>&1 &
    running+=($!)
  fi
}
wait_for_plans() {
  local begin=$SECONDS status=0 one
  for one in ${running[@]+"${running[@]}"}; do wait "$one" || status=$?; done
  if [ ${#running[@]} -gt 0 ]; then
    grep -hv '^{' "$work"/plans_*.log >"$work/plans.log" # without times, because the programs ran concurrently
    printf 'plans\t%s\t%s\t%s\t%s\n' "$plan_seconds" $((SECONDS - begin)) "$status" "${#running[@]} programs concurrently with the tests" >>"$work/parts.tsv"
  fi
}

# selects <tests> <word>: in a dry run, checks that the word matches a test.
selects() {
  if [ -x "$1" ] && timeout 60 "$1" "$2" --list-tests 2>&1 | grep -qE "^(0 matching|No tests)"; then
    echo "missing: no test of $1 is named '$2'" && missing=1
  fi
}

python=$(find_python)
find_libraries "$bin" "$python"
tests=$(program test_backends_cuda_device)
network_step=$(program benchmark_network_step)
assign=$(program benchmark_device_assign)
sampler=$(program benchmark_device_sampler)
train=$(program benchmark_train)
sanitizer=$(command -v compute-sanitizer || file_among compute-sanitizer /usr/local/cuda/bin)
plans=$work/plans planned=0 plan_seconds=105 running=()
mkdir -p "$plans"
# The golden networks of a pack: the folder compiled into the tests is on another machine.
if [ -z "${SCORESDE_GOLDEN_DIR:-}" ] && [ -d "$here/../../golden" ]; then export SCORESDE_GOLDEN_DIR=$(realpath "$here/../../golden"); fi
# One small test per kind of kernel, and one small network: full-size networks would take minutes under the sanitizer.
kernels="samplers run eagerly and as captured graphs,assign on a device*,reductions*,Langevin steps sized*,the launcher*,layout conversions*"
network="networks on the device are conditioned on classes"

echo "PyTorch            ${python:+$("$python" -c 'import torch; print(torch.__version__)') of }${python:-not found; the comparison is skipped}"
print_libraries
echo "compute-sanitizer  ${sanitizer:-not found; its parts are skipped}"
if $dry; then
  starts "$tests" --list-test-names-only || missing=1
  IFS=, read -ra words <<<"$kernels,$network"
  for one in "${words[@]}"; do selects "$tests" "$one"; done
  for one in "$network_step" "$assign" "$sampler" "$train"; do starts "$one" --help || missing=1; done
fi

ddpmpp=(--backend cuda --preset vp/cifar10_ddpmpp_continuous --plan-cache "$plans")
step() { part "network_$1_$2_$3" "$4" "$network_step" "${ddpmpp[@]}" --what "$1" --batch "$2" --precision "$3" --seconds 1 --runs 10; }
plans_of_step() { prepare "network_$1_$2_$3" "$network_step" "${ddpmpp[@]}" --what "$1" --batch "$2" --precision "$3" --seconds 0 --runs 1; }
# torch.compile searches for minutes; a call for that part alone gives it the whole time.
peers=190
if [ "$only" = pytorch ]; then peers=$seconds; fi
if command -v nvidia-smi >/dev/null || $dry; then part machine 10 nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.sm --format=csv,noheader; fi
plans_of_step training 128 bf16
plans_of_step forward 64 bf16
plans_of_step forward 1 bf16
plans_of_step forward 512 bf16
plans_of_step forward 64 tf32
prepare sampler "$sampler" --batch 64 --steps 2 --runs 1 --plan-cache "$plans"
prepare sampler_large "$sampler" --batch 512 --steps 2 --runs 1 --plan-cache "$plans"
prepare train "$train" "${ddpmpp[@]}" --batch 128 --seconds 0 --runs 1
for precision in fp32 bf16; do
  prepare pytorch "$network_step" "${ddpmpp[@]}" --batch 2 --precision $precision --export "$work/$precision.safetensors"
done
part tests 110 "$tests" --durations yes
wait_for_plans
step forward 64 bf16 15
step training 128 bf16 15
step forward 1 bf16 12
step forward 512 bf16 15
step forward 64 tf32 15
part assign 15 "$assign"
part sampler 15 "$sampler" --batch 64 --steps 200 --plan-cache "$plans"
part sampler_large 15 "$sampler" --batch 512 --steps 50 --plan-cache "$plans"
part train 15 "$train" "${ddpmpp[@]}" --batch 128
if [ -n "$python" ] || $dry; then
  part pytorch "$peers" "${python:-python3}" -B "$here/../peers/device_speed.py" "$network_step" --train-program "$train" --plan-cache "$plans" \
    --budget $((peers - 5)) --out "$work/pytorch.md" --json "$work/pytorch.json"
fi
if [ -n "$sanitizer" ] || $dry; then
  for tool in memcheck racecheck; do
    part "$tool" 25 "${sanitizer:-compute-sanitizer}" --tool "$tool" --error-exitcode 9 "$tests" --durations yes "$kernels"
  done
  part memcheck_network 30 "${sanitizer:-compute-sanitizer}" --tool memcheck --error-exitcode 9 "$tests" --durations yes "$network"
fi

if $dry; then
  echo "$planned s planned, $seconds s allowed; the table will be $out/device.md, all numbers $out/device.json"
  if [ "$planned" -gt "$seconds" ]; then echo "budgets exceed the time allowed: the last parts get the time left by the others"; fi
  exit "$missing"
fi
cat "$out/device.md"
