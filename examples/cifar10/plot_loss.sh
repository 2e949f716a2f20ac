#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Plots the loss curve of a run: bash plot_loss.sh train_log.csv loss.png (needs the package gnuplot-nox)
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/plotting.sh"

begin_plot train_log.csv step,images,seconds,loss,learning_rate,gradient_norm "$@"
[ "$(wc -l <"$table")" -ge 3 ] || fail "$table has fewer than two rows"
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
plot '$table' skip 1 using (\$2 / 1000):4 with lines lw 2 lc rgb '#1f4e8c' notitle
PLOT
end_plot
