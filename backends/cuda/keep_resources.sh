#!/bin/sh
# SPDX-License-Identifier: MIT
# keep_resources.sh <compiler> <argument>...: runs nvcc and stores ptxas's report of each kernel's registers, stack and
# spills, and every warning, in <object file>.ptxas for tests/backends/cuda/kernel_limits.py. Prints all other output.
object=
previous=
for argument in "$@"; do
  [ "$previous" = -o ] && object=$argument
  previous=$argument
done
output=$object.output
"$@" 2>"$output"
status=$?
# Lines of ptxas, and the following line with byte counts.
grep -E '^ptxas info|bytes stack frame' "$output" >"$object.ptxas"
grep -i warning "$output" >>"$object.ptxas"
grep -vE '^ptxas info|bytes stack frame' "$output" >&2
rm -f "$output"
exit $status
