#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Plots the loss curve of a run: bash plot_loss.sh train_log.csv loss.png (needs the package gnuplot-nox)
set -euo pipefail

fail() {
  echo "plot_loss.sh: $1" >&2
  exit 1
}

if [ $# -ne 2 ]; then
  echo "usage: bash plot_loss.sh train_log.csv loss.png" >&2
  exit 2
fi
log=$1
image=$2
command -v gnuplot >/dev/null || fail "gnuplot is not installed; on Debian: apt-get install gnuplot-nox"
[ -r "$log" ] || fail "$log cannot be read"
[ "$(head -n 1 "$log")" = step,images,seconds,loss,learning_rate,gradient_norm ] ||
  fail "$log is not a train_log.csv of cifar10_train"
[ "$(wc -l <"$log")" -ge 3 ] || fail "$log has fewer than two rows"

# Written under a temporary name and renamed, so that a failed plot does not replace an existing image.
part=$(mktemp "$image.part-XXXXXX") || fail "$(dirname "$image") is not writable"
trap 'rm -f "$part"' EXIT
gnuplot <<PLOT
set datafile separator ','
set terminal pngcairo size 900,520 font 'sans,11'
set output '$part'
set title 'Denoising score matching loss, mean over the steps since the previous row'
set xlabel 'training images (thousands)'
set ylabel 'loss per pixel and channel'
set logscale xy
set ytics (0.02, 0.03, 0.04, 0.05, 0.07, 0.1, 0.2, 0.3, 0.5, 1)
set xtics (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
set yrange [0.02:1.2]
set grid xtics ytics lt 1 lc rgb '#dddddd'
set border 3
set tics nomirror
plot '$log' skip 1 using (\$2 / 1000):4 with lines lw 2 lc rgb '#1f4e8c' notitle
PLOT
chmod 644 "$part"
mv -f "$part" "$image"
echo "wrote $image"
