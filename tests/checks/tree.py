# SPDX-License-Identifier: MIT
"""Functions shared by the checks: the files of the tree, their text, and reports."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = ("include", "backends", "examples", "tests", "benchmarks", "docs")
INCLUDE_FOLDERS = ("include", "backends/eigen/include", "backends/xtensor/include", "backends/mpi/include",
                   "backends/cuda/include")


def files(*suffixes, folders=FOLDERS):
    """Sorted relative paths of all files below the folders whose name ends with one of the suffixes."""
    found = set()
    for folder in folders:
        for path in (ROOT / folder).rglob("*"):
            name = path.relative_to(ROOT).as_posix()
            if path.is_file() and name.endswith(suffixes) and not re.search(r"(^|/)(build|out)[^/]*/", name):
                found.add(name)
    return sorted(found)


def headers():
    """Public headers: {name as included: path in the tree}."""
    found = {}
    for folder in INCLUDE_FOLDERS:
        for path in files(".hpp", ".cuh", folders=(folder,)):
            found[path.removeprefix(folder + "/")] = path
    return found


def kernels():
    """Kernels of the CUDA backend, which are compiled and tested but not installed: {name as included: path}."""
    return {path.removeprefix("backends/cuda/"): path for path in files(".hpp", ".cuh", folders=("backends/cuda/kernels",))}


def read(path):
    return (ROOT / path).read_text(encoding="utf-8")


COMMENTS_AND_LITERALS = re.compile(r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'(?!\d)', re.S)


def blank(text):
    return re.sub(r"[^\n]", " ", text)


def code_only(text):
    """C++ text with comments and literals blanked; line numbers are preserved."""

    def replace(match):
        found = match.group(0)
        if found.startswith("'") and match.start() and text[match.start() - 1].isalnum():
            return found  # a digit separator
        return blank(found)

    return COMMENTS_AND_LITERALS.sub(replace, text)


def text_only(text):
    """C++ text with everything but comments and literals blanked; line numbers are preserved."""
    text = re.sub(r"^[ \t]*#[ \t]*include[^\n]*", lambda match: blank(match.group(0)), text, flags=re.M)
    kept, end = [], 0
    for match in COMMENTS_AND_LITERALS.finditer(text):
        kept += [blank(text[end:match.start()]), match.group(0)]
        end = match.end()
    return "".join(kept) + blank(text[end:])


def report(check, looked_at, violations):
    """Prints the violations and exits with the status of a test."""
    for violation in violations:
        print(violation)
    print(f"{check}: {looked_at}, {len(violations)} violations")
    sys.exit(1 if violations else 0)
