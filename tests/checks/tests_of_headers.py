# SPDX-License-Identifier: MIT
"""Every public header and every CUDA kernel has a test: tests/<room>/<name>_test.cpp, or a test of its room that includes it by name."""

import re

import tree

# Headers with declarations only, or tested through another header, and their tests.
TESTED_IN = {
    "scoresde/scoresde.hpp": "tests/odr",
    "scoresde/networks.hpp": "tests/odr",
    "scoresde/version.hpp": "tests/package",
    "scoresde/host_device.hpp": "tests/noise",
    "scoresde/scope.hpp": "tests/sampler",
    "scoresde/resize.hpp": "tests/nn/graph/resize_test.cpp",
    "scoresde/error.hpp": "tests/sde",
    "scoresde/sde/sde_kind.hpp": "tests/registry/names_test.cpp",
    "scoresde/nearest_name.hpp": "tests/registry/nearest_name_test.cpp",
    "scoresde/fma.hpp": "tests/noise/bits.cmake",
    "scoresde/state/backend.hpp": "tests/state",
    "scoresde/io/json.hpp": "tests/io/safetensors_test.cpp",
    "scoresde/io/tensor_file.hpp": "tests/io/safetensors_test.cpp",
    "scoresde/nn/graph/ops.hpp": "tests/backends/eigen",
    "scoresde/not_deduced.hpp": "tests/concepts/rejects",
    "scoresde/predictor/predictor.hpp": "tests/concepts",
    "scoresde/corrector/corrector.hpp": "tests/concepts",
    "scoresde/sampler/run_arguments.hpp": "tests/concepts",
}


def rooms(header):
    """The folders with a header's tests."""
    if header.startswith("kernels/"):
        header = "scoresde/cuda/" + header
    parts = [part for part in header.split("/")[1:-1] if part != "detail"]
    if parts and parts[0] in ("eigen", "xtensor", "mpi", "cuda"):
        parts = ["backends", *parts]
    while parts:
        yield "tests/" + "/".join(parts)
        parts = parts[:-1]


def main():
    violations, named, included = [], 0, 0
    for header, path in (tree.headers() | tree.kernels()).items():
        name = header.split("/")[-1].removesuffix(".hpp")
        if "/detail/" in header:
            continue  # a part of its room's other headers
        if header in TESTED_IN:
            if not (tree.ROOT / TESTED_IN[header]).exists():
                violations.append(f"{path}: its test {TESTED_IN[header]} does not exist")
            continue
        folders = list(rooms(header))
        if header.split("/")[1] == name:
            continue  # the umbrella of a backend or of io
        if any((tree.ROOT / folder / f"{name}_test.cpp").exists() for folder in folders):
            named += 1
        elif any(re.search(f"#include [<\"]{re.escape(header)}[>\"]", tree.read(test))
                 for test in tree.files("_test.cpp", folders=folders)):
            included += 1
        else:
            violations.append(f"{path}: no {folders[0]}/{name}_test.cpp, and no test of that room includes it")
    tree.report("tests of headers", f"{named} with a test of their name, {included} in another test of their room",
                violations)


if __name__ == "__main__":
    main()
