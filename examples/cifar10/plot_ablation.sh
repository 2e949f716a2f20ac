#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Plots the differences of an ablation: bash plot_ablation.sh ablation.csv ablation.png (needs the package gnuplot-nox)
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/plotting.sh"

read_arguments ablation.csv "$@"
require_header network,field,value,parameters,steps,images,seconds,sigma,loss,loss_error,difference,difference_error "an ablation.csv"
# The means over the noise levels, without the base; the first network at the top.
rows=$(awk -F, '$8 == "mean" && $1 != "base" { row[++n] = $1 "," $11 "," $12 }
                END { for (i = 1; i <= n; ++i) print n - i "," row[i] }' "$table")
[ -n "$rows" ] || fail "$table has no network but the base"
begin_image
gnuplot <<PLOT
set datafile separator ','
\$rows << END
$rows
END
set terminal pngcairo size 900,560 font 'sans,11'
set output '$part'
set title 'Held-out loss minus that of the base, with standard errors over the images'
set xlabel 'difference of the loss (below 0: better than the base)'
set yrange [-0.5:$(wc -l <<<"$rows") - 0.5]
set arrow from 0, graph 0 to 0, graph 1 nohead lc rgb '#888888'
set grid xtics lt 1 lc rgb '#dddddd'
set border 3
set tics nomirror noenhanced
set format x '%g'
set xtics rotate by -30
plot \$rows using 3:1:4:ytic(2) with xerrorbars pt 7 ps 1.2 lw 2 lc rgb '#1f4e8c' notitle
PLOT
end_image
