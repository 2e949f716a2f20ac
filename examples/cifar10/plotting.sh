# SPDX-License-Identifier: MIT
# For the plot scripts, which source it: checks of their arguments, and images that are written whole.

script=$(basename "$0")

fail() {
  echo "$script: $1" >&2
  exit 1
}

# read_arguments FILE ARGUMENTS...: sets table and image. FILE is the table's usual name.
read_arguments() {
  local file=$1
  shift
  if [ $# -ne 2 ]; then
    echo "usage: bash $script $file image.png" >&2
    exit 2
  fi
  table=$1
  image=$2
  command -v gnuplot >/dev/null || fail "gnuplot is not installed; on Debian: apt-get install gnuplot-nox"
}

# require_header HEADER FILE: the table has this first line.
require_header() {
  [ -f "$table" ] && [ -r "$table" ] || fail "$table cannot be read"
  [ "$(head -n 1 "$table")" = "$1" ] || fail "$table is not $2 of cifar10_train"
}

# Sets part, to which the image is plotted: it is renamed when complete, so that a failed plot does not replace an image.
begin_image() {
  part=$(mktemp "$image.part-XXXXXX") || fail "$(dirname "$image") is not writable"
  trap 'rm -f "$part"' EXIT
}

end_image() {
  chmod 644 "$part"
  mv -f "$part" "$image"
  echo "wrote $image"
}
