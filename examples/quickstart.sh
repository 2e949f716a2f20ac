#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Samples 64 images with the bundled CIFAR-10 model: installs missing packages, builds, samples.
set -euo pipefail

if [ "${1:-}" = --help ] || [ "${1:-}" = -h ]; then
  cat <<'HELP'
bash examples/quickstart.sh [options of cifar10_sample]

On a Debian machine, in this order:
  1. installs missing packages with apt-get (as root, or with sudo; the list is in tests/packages.sh)
  2. builds cifar10_sample in build/quickstart
  3. samples an 8 x 8 grid of images from examples/cifar10/cifar10_small.safetensors
     into build/quickstart/samples, and prints its path

Options are passed to cifar10_sample after the script's own and override them, for example
  bash examples/quickstart.sh --seed 7 --samples 16
  bash examples/quickstart.sh --solver dpm-solver++-2m --nfe 20 --out samples
Relative paths are relative to the current folder. The folder build/ may be deleted at any time.
HELP
  exit 0
fi

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/tests/packages.sh"
install_missing_packages "${program_packages[@]}"

build=$root/build/quickstart
mkdir -p "$build"
echo "Building cifar10_sample in $build (a few minutes)"
if ! {
  cmake -S "$root" -B "$build" -G Ninja -D CMAKE_BUILD_TYPE=Release -D SCORESDE_NATIVE=ON \
    -D SCORESDE_BUILD_TESTS=OFF -D SCORESDE_BUILD_BENCHMARKS=OFF -D SCORESDE_BACKEND_CUDA=OFF &&
    cmake --build "$build" --target cifar10_sample
} >"$build/log.txt" 2>&1; then
  tail -n 40 "$build/log.txt" >&2
  echo "The build failed; the full log is $build/log.txt" >&2
  exit 1
fi

# given <option>...: one of the options is among the arguments of the script, as "--option value" or "--option=value".
arguments=("$@")
given() {
  local option argument
  for option in "$@"; do
    for argument in ${arguments[@]+"${arguments[@]}"}; do
      case $argument in "$option" | "$option"=*) return 0 ;; esac
    done
  done
  return 1
}
# The script's own options, without those that an argument replaces or excludes.
defaults=()
given --samples || defaults+=(--samples 64)
given --batch || defaults+=(--batch 16)
given --clip-denoised --dynamic-threshold || defaults+=(--clip-denoised)
if ! given --sampler --solver --predictor --corrector; then
  defaults+=(--predictor ancestral --corrector langevin)
  given --snr || defaults+=(--snr 0.05)
  given --steps --nfe || defaults+=(--steps 100)
fi
given --out || defaults+=(--out "$build/samples" --overwrite)

# Waiting threads do not spin: on a busy machine spinning threads take time from the working ones.
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}
"$build/examples/cifar10/cifar10_sample" "${defaults[@]}" "$@"
