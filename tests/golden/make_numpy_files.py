# SPDX-License-Identifier: MIT
"""Writes tests/golden/numpy with NumPy: statistics of a Fréchet distance stored and compressed, and arrays in Fortran order.

    python3 tests/golden/make_numpy_files.py
"""

import pathlib

import numpy as np

FOLDER = pathlib.Path(__file__).resolve().parent / "numpy"


def statistics():
    """mu and sigma of 5 features in formula values, 8-bit images, integers, and an object array."""
    mu = np.arange(5) / 8 - 0.25
    sigma = np.add.outer(np.arange(5), np.arange(5)) / 16 + np.eye(5)
    images = (np.arange(2 * 4 * 4 * 3) % 251).astype(np.uint8).reshape(2, 4, 4, 3)
    return {"mu": mu, "sigma": sigma, "images": images, "half": np.float16([1.5, -2]), "count": np.int64(50000),
            "flags": np.array([True, False]), "names": np.array(["a", None], dtype=object)}


def main():
    FOLDER.mkdir(exist_ok=True)
    np.savez(FOLDER / "stored.npz", **statistics())
    np.savez_compressed(FOLDER / "compressed.npz", **statistics())
    grid = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    np.save(FOLDER / "c_order.npy", grid)
    np.save(FOLDER / "fortran_order.npy", np.asfortranarray(grid))
    np.save(FOLDER / "one_row.npy", np.asfortranarray(np.arange(5.0)[None, :]))


if __name__ == "__main__":
    main()
