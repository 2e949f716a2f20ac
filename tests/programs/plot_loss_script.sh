#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# plot_loss.sh writes an image of logs of both formats, of earlier releases and of a run that is writing a row, and keeps an
# image where it fails. Skipped (77) without gnuplot.
set -euo pipefail
source=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
command -v gnuplot >/dev/null || { echo "skipped: gnuplot is not installed" && exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

fail() { echo "plot_loss_script.sh: $*" >&2 && exit 1; }
plot() { bash "$source/examples/cifar10/plot_loss.sh" "$@" >"$folder/output" 2>&1; }
plots() {
  rm -f "$folder/loss.png"
  plot "$1" "$folder/loss.png" || { cat "$folder/output" && fail "$1 is not plotted"; }
  [ "$(head -c 4 "$folder/loss.png" | tail -c 3)" = PNG ] || fail "$1: not a PNG file"
  ! grep -q 'warning' "$folder/output" || { cat "$folder/output" && fail "$1: gnuplot warns"; }
}
rejects() {
  ! plot "$2" "$folder/loss.png" || fail "$2 is plotted"
  grep -qF -- "$1" "$folder/output" || { cat "$folder/output" && fail "the output does not contain '$1'"; }
}

columns=step,images,seconds,loss,learning_rate,gradient_norm
rows='10,80,1.5,0.9,0.0001,1.5\n20,160,3.0,0.5,0.0002,1.2\n30,240,4.5,0.4,0.0002,1.1\n'
printf "$columns\n$rows" >"$folder/old.csv"
mkdir "$folder/run" "$folder/json"
printf "$columns,skipped\n$(sed 's/\\n/,0\\n/g' <<<"$rows")" >"$folder/run/train_log.csv"
object() { printf '{"step":%s,"images":%s,"seconds":%s,"loss":%s,"learning_rate":%s,"gradient_norm":%s,"skipped":%s}\n' "$@"; }
{
  object 10 80 1.5 0.9 0.0001 1.5 0
  object 20 160 3.0 null 0.0002 null 10
  object 30 240 4.5 0.4 0.0002 1.1 0
  printf '{"step":40,"ima'
} >"$folder/json/train_log.jsonl"
for log in old.csv run run/train_log.csv json json/train_log.jsonl; do plots "$folder/$log"; done
plots "$source/examples/cifar10/cifar10_small_train_log.csv"

cp "$folder/loss.png" "$folder/before"
printf 'a,b\n1,2\n3,4\n' >"$folder/other.csv"
rejects "is not a log of cifar10_train" "$folder/other.csv"
printf "$columns\n10,80,1.5,0.9,0.0001,1.5\n" >"$folder/short.csv"
rejects "fewer than two rows" "$folder/short.csv"
rejects "cannot be read" "$folder/none"
cmp "$folder/before" "$folder/loss.png" || fail "a plot that failed changed the image"
[ -z "$(find "$folder" -name '*.part-*')" ] || fail "a temporary file was left"
