#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The libraries that programs of the CUDA backend open when they run, for scripts that start them on a machine that
# built nothing. Sourced by device.sh and examples/cifar10/train_on_device.sh.

# file_among <name> <folder>...: the first that is there.
file_among() {
  local name=$1 folder
  shift
  for folder in "$@"; do
    if [ -e "$folder/$name" ]; then echo "$folder/$name" && return; fi
  done
}

# find_libraries <folder> <python>: names cuDNN, cuBLASLt and NVRTC in $cudnn, $cublaslt and $nvrtc and tells the programs
# in <folder> of them; <python>, where it is not empty, may have them in its wheels.
find_libraries() {
  local wheels=() folders own file path=""
  if [ -n "$2" ]; then
    mapfile -t wheels < <("$2" -c 'import glob, os, sys
for path in sys.path: print(*glob.glob(os.path.join(path, "nvidia", "*", "lib")), sep="\n")' | grep .)
  fi
  folders=(${wheels[@]+"${wheels[@]}"} /usr/local/cuda/lib64 /usr/lib/x86_64-linux-gnu)
  cudnn=${SCORESDE_CUDNN_LIBRARY:-$(file_among libcudnn.so.9 "${folders[@]}")}
  cublaslt=${SCORESDE_CUBLASLT_LIBRARY:-$(file_among libcublasLt.so.13 "${folders[@]}")}
  nvrtc=$(file_among libnvrtc.so.13 "${folders[@]}")
  own=$(realpath -m "$1")
  for file in "$cudnn" "$cublaslt" "$nvrtc"; do
    if [ -n "$file" ]; then path+=$(dirname "$file"): ; fi
  done
  if [ -n "$cudnn" ]; then export SCORESDE_CUDNN_LIBRARY=$cudnn; fi
  if [ -n "$cublaslt" ]; then export SCORESDE_CUBLASLT_LIBRARY=$cublaslt; fi
  # Ours last: the machine's own libgomp is the one that fits its other libraries.
  export LD_LIBRARY_PATH="$path${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$own/lib"
}

# say_libraries: a line for each, found or not.
say_libraries() {
  echo "cuDNN              ${cudnn:-not found; the loader is asked for libcudnn.so.9}"
  echo "cuBLASLt           ${cublaslt:-not found; the loader is asked for libcublasLt.so.13}"
  echo "NVRTC              ${nvrtc:-not found; cuDNN cannot generate kernels}"
}

# program_among <name> <folder>...: its path; the name itself where there is none.
program_among() {
  local name=$1 folder
  shift
  for folder in "$@"; do
    if [ -x "$folder/$name" ] && [ ! -d "$folder/$name" ]; then echo "$folder/$name" && return; fi
  done
  echo "$name"
}

# starts <path> <argument>: says what is wrong, with status 1, unless the loader finds the program's libraries and main()
# is reached.
starts() {
  local said
  case $1 in */*) ;; *) echo "missing: $1 is nowhere under --bin" && return 1 ;; esac
  said=$(timeout 60 "$1" "$2" 2>&1) || [ -n "$said" ] || { echo "missing: $1 does not start" && return 1; }
  if grep -q "error while loading" <<<"$said"; then echo "missing: $1 does not start: $(head -n 1 <<<"$said")" && return 1; fi
}
