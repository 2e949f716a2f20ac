# SPDX-License-Identifier: MIT
"""Every public header and every CUDA kernel compiles as the first and only line of a translation unit.

    headers_alone.py <cache folder> <compiler> <jobs> [option]...

A header that includes another one is compiled after it in the same translation unit. What compiled is not compiled again
until one of its headers changes: the build runs this once with --warm, which never fails, and the test then only reads the
results. A header whose package is not installed is skipped with a note.
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


def chains():
    """The headers in as few sequences as possible in which each header includes the one before it.

    Whatever precedes a header in its sequence, the header includes itself, so one compilation of the sequence shows that
    each of its headers compiles alone. The sequences are paths that cover the graph of includes, from a maximum matching of
    headers with headers that include them.
    """
    including = {header: [] for header in HEADERS}
    for header in HEADERS:
        for included in closure(header):
            if included != header:
                including[included].append(header)
    before = {}

    def extend(header, seen):
        for larger in sorted(including[header], key=lambda name: len(closure(name))):
            if larger not in seen:
                seen.add(larger)
                if larger not in before or extend(before[larger], seen):
                    before[larger] = header
                    return True
        return False

    for header in HEADERS:
        extend(header, set())
    found = []
    for last in set(HEADERS) - set(before.values()):
        chain = [last]
        while chain[0] in before:
            chain.insert(0, before[chain[0]])
        found.append(chain)
    return found


def main():
    arguments = [argument for argument in sys.argv[1:] if argument != "--warm"]
    folder, compiler, jobs, options = pathlib.Path(arguments[0]), arguments[1], int(arguments[2]), arguments[3:]
    command = [compiler, "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Werror",
               *(f"-I{tree.ROOT / path}" for path in (*tree.INCLUDE_FOLDERS, "backends/cuda")), *options]
    cache = folder / "headers_alone.json"
    known = json.loads(cache.read_text()) if cache.exists() else {}
    notes, compiled = [], {}

    def text(header):
        return "".join(tree.read(HEADERS[name]) for name in closure(header))

    def complaint(chain):
        if not chain:
            return None
        key = hashlib.sha256((" ".join(command + chain) + text(chain[-1])).encode()).hexdigest()
        if known.get(chain[-1]) == key:
            compiled[chain[-1]] = key
            return None
        with tempfile.NamedTemporaryFile("w", suffix=".cpp") as source:
            source.write("".join(f"#include <{header}>\n#include <{header}>\n" for header in chain))
            source.flush()
            run = subprocess.run([*command, source.name], capture_output=True, text=True, check=False)
        missing = re.search(r"fatal error: '?((?:Eigen|xtensor|xtl|nlohmann|png|mpi)[^':]*)'?[: ]", run.stderr)
        if missing:
            skipped = [header for header in chain if f"<{missing.group(1)}>" in text(header)] or chain[-1:]
            notes.extend(f"{header} needs {missing.group(1)}, which is not installed" for header in skipped)
            return complaint(chain[:-len(skipped)])
        if run.returncode:
            lines = [line for line in run.stderr.splitlines() if "error" in line]
            return f"{chain[-1]}: {(lines or run.stderr.splitlines())[0]}"
        compiled[chain[-1]] = key
        return None

    # Long compilations first, so that they do not run alone at the end.
    order = sorted(chains(), key=lambda chain: -len(text(chain[-1])))
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        violations = [found for found in pool.map(complaint, order) if found]
    cache.write_text(json.dumps(compiled))
    if "--warm" in sys.argv:
        return
    for line in notes:
        print(line)
    tree.report("headers alone", f"{len(HEADERS)} headers in {len(order)} compilations", violations)


if __name__ == "__main__":
    main()
