#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Splits a file into parts of limited size, with checksums, and joins them.
#
#   bash benchmarks/device/parts.sh split FILE FOLDER [--mib N]   FOLDER/<name>.part-000, -001, … of at most N MiB (16), and <name>.sha256
#   bash benchmarks/device/parts.sh verify FOLDER/<name>          lists the parts that are missing or damaged
#   bash benchmarks/device/parts.sh join FOLDER/<name> FILE       writes FILE only if all parts are intact
#
# <name>.sha256 contains the checksum of each part and, in its last line, that of FILE. It is written last: parts without it
# are an incomplete split.
set -euo pipefail

fail() { echo "parts.sh: $*" >&2 && exit 1; }
usage="usage: parts.sh split FILE FOLDER [--mib N] | verify FOLDER/NAME | join FOLDER/NAME FILE"
misused() { echo "$usage" >&2 && exit 2; }

split_file() {
  local file=$1 folder=$2 mib=$3 name
  name=$(basename "$file")
  [ -s "$file" ] || fail "$file is missing or empty"
  mkdir -p "$folder"
  rm -f "$folder/$name.sha256" "$folder/$name".part-*
  split --bytes="$((mib * 1048576))" --numeric-suffixes=0 --suffix-length=3 "$file" "$folder/$name.part-"
  (cd "$folder" && sha256sum -- "$name".part-*) >"$folder/$name.sha256.new"
  (cd "$(dirname "$file")" && sha256sum -- "$name") >>"$folder/$name.sha256.new"
  mv "$folder/$name.sha256.new" "$folder/$name.sha256"
}

# verify <folder/name>: checks all listed parts.
verify() {
  local parts=$1 list=$1.sha256 damaged
  [ -s "$list" ] || fail "$list is missing: no parts, or an incomplete split"
  damaged=$(cd "$(dirname "$parts")" && grep '\.part-[0-9]*$' "$(basename "$list")" | sha256sum --check --quiet 2>&1) ||
    fail "parts of $parts are missing or damaged: $(echo "$damaged" | grep -v WARNING | tr '\n' ' ')"
}

join() {
  local parts=$1 file=$2 list=$1.sha256 name folder wanted found
  verify "$parts"
  folder=$(dirname "$parts") wanted=$(tail -n 1 "$list" | cut -d' ' -f1)
  while read -r _ name; do
    case $name in *.part-*) cat "$folder/$name" ;; esac
  done <"$list" >"$file.joining"
  found=$(sha256sum "$file.joining" | cut -d' ' -f1)
  [ "$found" = "$wanted" ] || { rm -f "$file.joining" && fail "$file has checksum $found when joined; the checksum in $list is $wanted"; }
  mv "$file.joining" "$file"
}

case "${1:-} $#" in
  "split 3") split_file "$2" "$3" 16 ;;
  "split 5") [ "$4" = --mib ] || misused; split_file "$2" "$3" "$5" ;;
  "verify 2") verify "$2" ;;
  "join 3") join "$2" "$3" ;;
  *) misused ;;
esac
