#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Plots loss, learning rate and gradient norm of a run, also while it trains:
#   bash plot_loss.sh train_log.csv loss.png (needs the package gnuplot-nox)
# The log may be train_log.jsonl, or the run's folder.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/plotting.sh"

read_arguments train_log.csv "$@"
if [ -d "$table" ]; then
  for name in train_log.csv train_log.jsonl; do [ ! -e "$table/$name" ] || table=$table/$name; done
fi
[ -f "$table" ] && [ -r "$table" ] || fail "$table cannot be read"

begin_image
rows=$(mktemp)
trap 'rm -f "$part" "$rows"' EXIT
# The rows as CSV: of JSON the values in their order, null as nan. The last row may be incomplete while a run writes it.
header=$(head -n 1 "$table")
columns=step,images,seconds,loss,learning_rate,gradient_norm
if [[ $header == $columns* ]]; then
  tail -n +2 "$table" >"$rows"
elif [[ $header == '{"step":'*'"gradient_norm":'* ]]; then
  grep '}$' "$table" | sed -E 's/"[a-z_]+"://g; s/[{}]//g; s/null/nan/g' >"$rows" || true
else
  fail "$table is not a log of cifar10_train"
fi
[ "$(wc -l <"$rows")" -ge 2 ] || fail "$table has fewer than two rows"

gnuplot <<PLOT
set datafile separator ','
set terminal pngcairo size 900,900 font 'sans,11'
set output '$part'
set multiplot layout 3,1 title 'Means over the steps since the previous row'
set logscale x
set grid xtics ytics lt 1 lc rgb '#dddddd'
set border 3
set tics nomirror
set lmargin 12
set logscale y
set ylabel 'loss'
plot '$rows' using (\$2 / 1000):4 with lines lw 2 lc rgb '#1f4e8c' notitle
set ylabel 'gradient norm'
plot '$rows' using (\$2 / 1000):6 with lines lw 2 lc rgb '#8c3b1f' notitle
unset logscale y
set ylabel 'learning rate'
set format y '%g'
set yrange [0:*]
set xlabel 'training images (thousands)'
plot '$rows' using (\$2 / 1000):5 with lines lw 2 lc rgb '#2f6b3a' notitle
unset multiplot
PLOT
end_image
