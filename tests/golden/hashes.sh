#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Prints SHA-256 of what a change of structure must not change: checkpoints of 20 training steps and images of samplers.
#
#   bash tests/golden/hashes.sh <build folder> <folder with CIFAR-10 in its binary version>
#
# One thread, float32. The hashes are of one machine and compiler: compare two builds made by the same, before and after.
# The published hash of the noise is a test of its own ("noise: the published hash …").
set -euo pipefail
programs=$(cd "${1:?build folder}" && pwd)/examples/cifar10
data=$(cd "${2:?CIFAR-10 folder}" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

hash_of() { sha256sum "$1" | cut -c1-32; }

for preset in cifar10_small cifar10_small_class_conditional cifar10_small_karras; do
  "$programs/cifar10_train" --preset "$preset" --data "$data" --out "$folder/$preset" --iterations 20 --batch 8 --seed 7 \
    --threads 1 --snapshot-every 0 --checkpoint-every 20 >/dev/null
  echo "training $preset: $(hash_of "$folder/$preset/checkpoint.safetensors")"
done
for sampler in pc euler dopri5 dpm-solver-23 adaptive-sde ddim dpm-solver++-2m unipc-3 deis-3 karras-heun sde-dpm-solver++-2m sa-solver-2; do
  steps=(--steps 6)
  case $sampler in dopri5 | dpm-solver-23 | adaptive-sde) steps=(--rtol 0.1) ;; esac
  "$programs/cifar10_sample" --solver "$sampler" "${steps[@]}" --samples 2 --batch 2 --columns 2 --seed 7 --threads 1 \
    --out "$folder/$sampler" >/dev/null
  echo "samples $sampler: $(hash_of "$folder/$sampler/samples.npy")"
done
