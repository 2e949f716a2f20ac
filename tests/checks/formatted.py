# SPDX-License-Identifier: MIT
"""clang-format leaves every C++ and CUDA file as it is. Argument: the clang-format to use."""

import concurrent.futures
import subprocess
import sys

import tree


def first_complaint(path):
    run = subprocess.run([sys.argv[1], "--dry-run", "-Werror", "--ferror-limit=1", path], cwd=tree.ROOT,
                         capture_output=True, text=True, check=False)
    return run.stderr.splitlines()[0] if run.returncode else None


def main():
    paths = tree.files(".hpp", ".cpp", ".cu", ".cuh")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        violations = [complaint for complaint in pool.map(first_complaint, paths) if complaint]
    tree.report("clang-format", f"{len(paths)} files", violations)


if __name__ == "__main__":
    main()
