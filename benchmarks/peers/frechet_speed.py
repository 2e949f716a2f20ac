# SPDX-License-Identifier: MIT
"""Compares the Fréchet distance of two sets of features with numpy's covariances and scipy's sqrtm, alternating.

    python3 benchmarks/peers/frechet_speed.py build/benchmarks/benchmark_frechet

Needs SciPy. Both sides compute two covariances of the same number of features and the distance of the same moments, in separate processes
that alternate; the program ends if the distances differ by more than 1e-9 of the traces and the means' distance. Ratios are scipy's seconds
over ours: above 1 the library is faster. Features are float32 on our side, as networks return them, and float64 on numpy's, as packages
convert them before they measure.
"""

import argparse
import importlib.util
import json
import pathlib
import sys
import tempfile

from network_speed import line, run, show

PEER = pathlib.Path(__file__).resolve().parent / "scipy_frechet.py"
TOLERANCE = 1e-9
HEADER = ("dimensions", "images", "threads", "ours: covariances, s", "distance, s", "peak, MiB", "scipy: covariances, s", "distance, s",
          "peak, MiB", "scipy / ours, distance", "both", "distances apart")


def cells(dim, options, threads, ours, theirs):
    def least(side, *keys):
        return min(sum(found[key] for key in keys) for found in side)

    def columns(side):
        return (f"{least(side, 'covariances'):.2f}", f"{least(side, 'distance'):.2f}", f"{max(f['peak_mib'] for f in side):.0f}")

    apart = abs(ours[-1]["value"] - theirs[-1]["value"]) / ours[-1]["scale"]
    ratios = [least(theirs, *keys) / least(ours, *keys) for keys in (("distance",), ("covariances", "distance"))]
    return (dim, options.images, threads, *columns(ours), *columns(theirs), *(f"{ratio:.1f}" for ratio in ratios), f"{apart:.0e}")


def row(options, dim, threads, folder):
    ours, theirs = [], []
    for _ in range(options.rounds):
        ours.append(json.loads(run([options.program, "--images", options.images, "--dim", dim, "--export", folder], threads)))
        theirs.append(json.loads(run([sys.executable, "-B", PEER, folder, "--images", options.images], threads)))
        apart = abs(ours[-1]["value"] - theirs[-1]["value"]) / ours[-1]["scale"]
        if not apart <= TOLERANCE:
            sys.exit(f"dimension {dim}: the distances {ours[-1]['value']} and {theirs[-1]['value']} differ by {apart:.1e}")
    return cells(dim, options, threads, ours, theirs)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", help="benchmark_frechet, built")
    parser.add_argument("--dims", nargs="+", type=int, default=(192, 768, 2048))
    parser.add_argument("--images", type=int, default=50000)
    parser.add_argument("--threads", nargs="+", type=int, default=(2,))
    parser.add_argument("--rounds", type=int, default=2, help="alternations per row")
    parser.add_argument("--out", type=pathlib.Path, help="also write the table to this file, Markdown")
    options = parser.parse_args()
    if importlib.util.find_spec("scipy") is None:
        print("skipped: SciPy is not installed (Debian: python3-scipy)")
        sys.exit(77)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for dim in options.dims:
            for threads in options.threads:
                rows.append(row(options, dim, threads, folder))
                show("  " + line(rows[-1]))
    table = "\n".join([line(HEADER), "|" + "---|" * len(HEADER), *map(line, rows)])
    print(f"Minimum of all runs:\n\n{table}")
    if options.out:
        options.out.write_text(table + "\n")


if __name__ == "__main__":
    main()
