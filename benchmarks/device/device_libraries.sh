#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Finds the libraries that programs of the CUDA backend open at run time, on a machine other than that of the build.
# Sourced by device.sh and train_on_device.sh.

# file_among <name> <folder>...: prints the first existing path.
file_among() {
  local name=$1 folder
  shift
  for folder in "$@"; do
    if [ -e "$folder/$name" ]; then echo "$folder/$name" && return; fi
  done
}

# find_libraries <folder> <python>: sets $cudnn, $cublaslt and $nvrtc to cuDNN, cuBLASLt and NVRTC and exports their paths to
# the programs in <folder>; the wheels of <python>, if it is not empty, are searched as well.
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
  # The pack's libraries last: the machine's own libgomp fits its other libraries.
  export LD_LIBRARY_PATH="$path${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$own/lib"
}

# print_libraries: prints a line per library, found or not.
print_libraries() {
  echo "cuDNN              ${cudnn:-not found; left to the loader as libcudnn.so.9}"
  echo "cuBLASLt           ${cublaslt:-not found; left to the loader as libcublasLt.so.13}"
  echo "NVRTC              ${nvrtc:-not found; cuDNN cannot generate kernels}"
}

# program_among <name> <folder>...: prints the program's path, or the name itself if there is none.
program_among() {
  local name=$1 folder
  shift
  for folder in "$@"; do
    if [ -x "$folder/$name" ] && [ ! -d "$folder/$name" ]; then echo "$folder/$name" && return; fi
  done
  echo "$name"
}

# starts <path> <argument>: status 0 if the loader finds the program's libraries and main() is reached; otherwise prints
# what is wrong, with status 1.
starts() {
  local output
  case $1 in */*) ;; *) echo "missing: $1 is not in --bin" && return 1 ;; esac
  output=$(timeout 60 "$1" "$2" 2>&1) || [ -n "$output" ] || { echo "missing: $1 does not start" && return 1; }
  if grep -q "error while loading" <<<"$output"; then echo "missing: $1 does not start: $(head -n 1 <<<"$output")" && return 1; fi
}
