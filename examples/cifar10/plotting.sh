# SPDX-License-Identifier: MIT
# For the plot scripts, which source it: checks of their arguments, and images that are written whole.

script=$(basename "$0")

fail() {
  echo "$script: $1" >&2
  exit 1
}

# begin_plot FILE HEADER ARGUMENTS...: sets table and image, and part, the name to plot to. FILE is the table's name in a run's folder, HEADER
# the beginning of its first line.
begin_plot() {
  local file=$1 header=$2
  shift 2
  if [ $# -ne 2 ]; then
    echo "usage: bash $script $file image.png" >&2
    exit 2
  fi
  table=$1
  image=$2
  command -v gnuplot >/dev/null || fail "gnuplot is not installed; on Debian: apt-get install gnuplot-nox"
  [ -r "$table" ] || fail "$table cannot be read"
  [[ $(head -n 1 "$table") == "$header"* ]] || fail "$table is not a $file of cifar10_train"
  # Written under a temporary name and renamed, so that a failed plot does not replace an existing image.
  part=$(mktemp "$image.part-XXXXXX") || fail "$(dirname "$image") is not writable"
  trap 'rm -f "$part"' EXIT
}

end_plot() {
  chmod 644 "$part"
  mv -f "$part" "$image"
  echo "wrote $image"
}
