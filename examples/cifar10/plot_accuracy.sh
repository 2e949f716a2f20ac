#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Plots a noise-conditional classifier's accuracy by noise level: bash plot_accuracy.sh held_out.csv accuracy.png (needs the package
# gnuplot-nox). The averaged weights' rows are plotted, those of the last snapshot as points.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/plotting.sh"

read_arguments held_out.csv "$@"
require_header step,images,weights,sigma,loss "a held_out.csv"
# A clean image's level, 0, has no place on a logarithmic axis: it stands at the left end under its own name.
awk -F, 'NR > 1 && $5 > 1 { exit 1 }' "$table" || fail "$table has losses above 1; it must be of a classifier, whose losses are shares of errors"
rows=$(awk -F, '$3 == "ema" { if ($2 != images) { if (images) print "\n"; images = $2 }
                              print ($4 > 0 ? $4 : 0.01) "," 100 * (1 - $5) "," $2 / 1000 }' "$table")
[ -n "$rows" ] || fail "$table has no rows of averaged weights"
last=$(tail -n 1 <<<"$rows" | cut -d, -f3)
begin_image
gnuplot <<PLOT
set datafile separator ','
\$rows << END
$rows
END
set terminal pngcairo size 900,520 font 'sans,11'
set output '$part'
set title 'Test images classified correctly, by the noise added'
set xlabel 'standard deviation of the noise relative to the image, std/mean'
set ylabel '%'
set logscale x
set xrange [0.01:200]
set xtics ('0' 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
set yrange [0:100]
set grid xtics ytics lt 1 lc rgb '#dddddd'
set border 3
set tics nomirror
set arrow from graph 0, first 10 to graph 1, first 10 nohead dt 2 lc rgb '#888888'
set label 'chance' at graph 0.01, first 13 textcolor rgb '#666666'
plot \$rows using 1:2 with lines lw 1 lc rgb '#a8bfdc' notitle, \\
     \$rows using 1:(\$3 == $last ? \$2 : NaN) with linespoints lw 2 pt 7 lc rgb '#1f4e8c' title '$last thousand training images'
PLOT
end_image
