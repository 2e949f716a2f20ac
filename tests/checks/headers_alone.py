# SPDX-License-Identifier: MIT
"""Every public header and every CUDA kernel compiles as the first and only line of a translation unit.

    headers_alone.py <cache folder> <compiler> <jobs> [option]...

A header that compiled is not compiled again until it, or a header it includes, changes: the build runs this once with
--warm, which never fails, and the test then only reads the results. A header whose package is not installed is skipped
with a note.
"""

import concurrent.futures
import functools
import hashlib
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import tree

HEADERS = tree.headers() | tree.kernels()


@functools.lru_cache(None)
def closure(header):
    """The header and all public headers that it includes."""
    seen, left = set(), [header]
    while left:
        name = left.pop()
        if name not in seen and name in HEADERS:
            seen.add(name)
            left += re.findall(r"#include [<\"]((?:scoresde|kernels)/[^>\"]+)[>\"]", tree.read(HEADERS[name]))
    return sorted(seen)


def main():
    arguments = [argument for argument in sys.argv[1:] if argument != "--warm"]
    folder, compiler, jobs, options = pathlib.Path(arguments[0]), arguments[1], int(arguments[2]), arguments[3:]
    command = [compiler, "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Werror",
               *(f"-I{tree.ROOT / path}" for path in (*tree.INCLUDE_FOLDERS, "backends/cuda")), *options]
    cache = folder / "headers_alone.json"
    known = json.loads(cache.read_text()) if cache.exists() else {}
    notes = []

    def key(header):
        text = "".join(tree.read(HEADERS[name]) for name in closure(header))
        return hashlib.sha256((" ".join(command) + text).encode()).hexdigest()

    def complaint(header):
        if known.get(header) == key(header):
            return None
        with tempfile.NamedTemporaryFile("w", suffix=".cpp") as source:
            source.write(f"#include <{header}>\n#include <{header}>\n")
            source.flush()
            run = subprocess.run([*command, source.name], capture_output=True, text=True, check=False)
        missing = re.search(r"fatal error: '?((?:Eigen|xtensor|xtl|nlohmann|png)[^':]*)'?[: ]", run.stderr)
        if missing:
            notes.append(f"{header} needs {missing.group(1)}, which is not installed")
        elif run.returncode:
            lines = [line for line in run.stderr.splitlines() if "error" in line]
            return f"{header}: {(lines or run.stderr.splitlines())[0]}"
        else:
            known[header] = key(header)
        return None

    # Long compilations first, so that they do not run alone at the end.
    order = sorted(HEADERS, key=lambda name: re.search("/(eigen|xtensor|io)/", name) is None)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        violations = [found for found in pool.map(complaint, order) if found]
    cache.write_text(json.dumps({header: value for header, value in known.items() if header in HEADERS}))
    if "--warm" in sys.argv:
        return
    for line in notes:
        print(line)
    tree.report("headers alone", f"{len(order)} headers", violations)


if __name__ == "__main__":
    main()
