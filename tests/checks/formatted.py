# SPDX-License-Identifier: MIT
"""Every C++ and CUDA file is formatted. Argument: the clang-format to use."""

import concurrent.futures
import subprocess
import sys

import tree


def complaints(paths):
    run = subprocess.run([sys.argv[1], "--dry-run", "-Werror", *paths], cwd=tree.ROOT,
                         capture_output=True, text=True, check=False)
    first = {line.split(":")[0]: line for line in reversed(run.stderr.splitlines()) if "error:" in line}
    return list(first.values()) or ([run.stderr] if run.returncode else [])


def main():
    paths = tree.files(".hpp", ".cpp", ".cu", ".cuh")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        violations = sum(pool.map(complaints, (paths[::2], paths[1::2])), [])
    tree.report("clang-format", f"{len(paths)} files", violations)


if __name__ == "__main__":
    main()
