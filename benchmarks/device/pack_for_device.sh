#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Collects what device.sh and train_on_device.sh need on a machine with a GPU and without a compiler: the programs of a
# build folder, stripped, the scripts, and the golden networks of tests/golden and SCORESDE_GOLDEN_DIR.
#
#   cmake -S . -B build-device -DCMAKE_CUDA_ARCHITECTURES=90a-real -DSCORESDE_NATIVE=OFF -DSCORESDE_BACKEND_MPI=OFF
#   cmake --build build-device --target benchmarks test_backends_cuda_device cifar10_train cifar10_sample cifar10_likelihood cifar10_edit cifar10_evaluate
#   bash benchmarks/device/pack_for_device.sh build-device device-pack
#   bash device-pack/benchmarks/device/device.sh --bin device-pack                                       (on the GPU machine)
#   bash device-pack/benchmarks/device/train_on_device.sh --bin device-pack --data FOLDER --minutes 12   (on the GPU machine)
#
#   --arch           compute capability of the device (default: 90)
#   --mib            largest size of the pack in MiB (default: 64)
#   --this-machine   accepts programs that may run on this machine alone: compiled for its processor, with its libraries
#
# Without --this-machine rejects programs compiled for this machine's processor only, and programs that need a library
# beyond those of a bare C++ run-time, such as MPI: the CUDA run-time is linked statically, cuDNN and cuBLASLt are opened
# at run time. libgomp, libpng, zlib, libjpeg and libwebp are included, for machines without them. Always rejects programs
# for devices other than --arch.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
usage="usage: pack_for_device.sh BUILD_FOLDER PACK_FOLDER [--arch 90] [--mib 64] [--this-machine]"
misused() { echo "$usage" >&2 && exit 2; }
[ $# -ge 2 ] || misused
build=$1 pack=$2 arch=90 mib=64 this_machine=false
shift 2
while [ $# -gt 0 ]; do
  case $1 in
    --arch | --mib)
      [ $# -ge 2 ] || misused
      printf -v "${1#--}" %s "$2" && shift 2 ;;
    --this-machine) this_machine=true && shift ;;
    *) misused ;;
  esac
done

fail() { echo "pack_for_device.sh: $*" >&2 && exit 1; }
cached() { sed -n "s/^$1:[A-Z]*=//p" "$build/CMakeCache.txt"; }
[ -f "$build/CMakeCache.txt" ] || fail "$build is not a CMake build folder"
# --this-machine is for testing this script with the build of the tests.
if [ "$(cached SCORESDE_NATIVE)" != OFF ] && ! $this_machine; then
  fail "$build was configured with SCORESDE_NATIVE=$(cached SCORESDE_NATIVE), for this machine's processor only; configure with -DSCORESDE_NATIVE=OFF"
fi
if [ "$(cached SCORESDE_FAST_TEST_BUILD)" = ON ] && ! $this_machine; then
  fail "$build was configured with SCORESDE_FAST_TEST_BUILD=ON, which measures nothing; configure with -DSCORESDE_FAST_TEST_BUILD=OFF"
fi
architectures=$(cached CMAKE_CUDA_ARCHITECTURES)
case ";${architectures:-80-real;90-real;120};" in
  *";$arch"*) ;;
  *) fail "$build has code for $architectures; the device needs $arch" ;;
esac

programs=(tests/test_backends_cuda_device benchmarks/benchmark_network_step benchmarks/benchmark_device_assign
  benchmarks/benchmark_device_sampler benchmarks/benchmark_train examples/cifar10/cifar10_train examples/cifar10/cifar10_sample
  examples/cifar10/cifar10_likelihood examples/cifar10/cifar10_edit examples/cifar10/cifar10_evaluate)
bundled='libgomp|libpng16|libz|libjpeg|libwebp'
allowed="^(linux-vdso|libc|libm|libdl|libpthread|librt|libstdc\\+\\+|libgcc_s|$bundled|ld-linux-x86-64)\\.so"
mkdir -p "$pack/bin" "$pack/lib" "$pack/benchmarks/peers" "$pack/benchmarks/device"
for program in "${programs[@]}"; do
  [ -x "$build/$program" ] || fail "$build/$program is not built"
  needed=$(readelf -d "$build/$program" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | grep -vE "$allowed" || true)
  [ -z "$needed" ] || $this_machine || fail "$program needs ${needed//$'\n'/, }, which the GPU machine may lack"
  strip -o "$pack/bin/$(basename "$program")" "$build/$program"
done
for library in $(ldd "$pack"/bin/* | sed -nE "s/.*($bundled)\.so[^ ]* => ([^ ]*) .*/\2/p" | sort -u); do
  cp -L "$library" "$pack/lib/"
done
cp "$here"/{device,device_libraries,train_on_device,parts}.sh "$here/device_report.py" "$pack/benchmarks/device/"
# The networks that tests compare with, including those of SCORESDE_GOLDEN_DIR.
mkdir -p "$pack/golden"
cp "$here"/../../tests/golden/net_*.safetensors "$pack/golden/"
if [ -n "${SCORESDE_GOLDEN_DIR:-}" ]; then cp -f "$SCORESDE_GOLDEN_DIR"/net_*.safetensors "$pack/golden/"; fi
chmod -R u+w "$pack"
cp "$here"/../peers/{device_speed,network_speed,torch_device_step,torch_network_step,torch_unet}.py "$pack/benchmarks/peers/"
size=$(du -sm "$pack" | cut -f1)
[ "$size" -le "$mib" ] || fail "$pack takes $size MiB; --mib allows $mib"
echo "$pack: $size MiB, ${#programs[@]} programs with code for ${architectures:-80-real;90-real;120}"
