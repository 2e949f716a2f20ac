#!/bin/sh
# SPDX-License-Identifier: MIT
# keep_resources.sh <compiler> <argument>...: runs nvcc and keeps what ptxas says of each kernel's registers, stack and
# spills in <object file>.ptxas, and every warning; everything but the former is shown. tests/backends/cuda/kernel_limits.py reads it.
object=
previous=
for argument in "$@"; do
  [ "$previous" = -o ] && object=$argument
  previous=$argument
done
said=$object.said
"$@" 2>"$said"
status=$?
# A line of ptxas, or the one below it that counts bytes.
grep -E '^ptxas info|bytes stack frame' "$said" >"$object.ptxas"
grep -i warning "$said" >>"$object.ptxas"
grep -vE '^ptxas info|bytes stack frame' "$said" >&2
rm -f "$said"
exit $status
