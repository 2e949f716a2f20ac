# SPDX-License-Identifier: MIT
"""The Fréchet distance as pytorch-fid computes it, with numpy and scipy: covariances by np.cov, their term by sqrtm. A line of JSON.

    python3 benchmarks/peers/scipy_frechet.py <folder with first.npz and second.npz> --images 50000

The covariances that are timed are of normal features in float64 of the same shape; the distance is that of the moments in the folder.
"""

import argparse
import json
import pathlib
import resource
import time

import numpy as np
import scipy.linalg


def seconds(work):
    begin = time.perf_counter()
    result = work()
    return time.perf_counter() - begin, result


def distance(first, second):
    root = scipy.linalg.sqrtm(first["sigma"] @ second["sigma"])
    difference = first["mu"] - second["mu"]
    return difference @ difference + np.trace(first["sigma"]) + np.trace(second["sigma"]) - 2 * np.trace(np.real(root))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--images", type=int, required=True)
    options = parser.parse_args()
    first, second = (dict(np.load(options.folder / name)) for name in ("first.npz", "second.npz"))
    dim = len(first["mu"])
    features = np.random.default_rng(0).standard_normal((options.images, dim))
    covariance, _ = seconds(lambda: (np.mean(features, axis=0), np.cov(features, rowvar=False)))
    del features
    of_distance, value = seconds(lambda: distance(first, second))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"value": float(value), "covariances": 2 * covariance, "distance": of_distance, "peak_mib": peak,
                      "scipy": scipy.__version__, "numpy": np.__version__}))


if __name__ == "__main__":
    main()
