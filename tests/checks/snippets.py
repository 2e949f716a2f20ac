# SPDX-License-Identifier: MIT
"""Every fenced C++ block of the documents is a region of a compiled file.

A block follows the line `<!-- snippet: examples/01_gaussian.cpp gaussian -->`; the region lies between two lines
`//! [gaussian]` of that file and is quoted without its common indentation. --write copies the regions into the
documents. Relative links must lead to files that exist.
"""

import re
import sys
import textwrap

import tree

BLOCK = re.compile(r"(?:<!-- snippet: (\S+) (\S+) -->\n)?^```(?:cpp|c\+\+|C\+\+)\n(.*?)^```$", re.M | re.S)


def documents():
    found = tree.files(".md")
    return found + (["README.md"] if (tree.ROOT / "README.md").exists() else [])


def region(path, name):
    """(text, None) of a region, or (None, reason)."""
    if not (tree.ROOT / path).exists():
        return None, f"{path} does not exist"
    if not path.startswith(("examples/", "tests/")) or not path.endswith((".cpp", ".hpp", ".cu")):
        return None, f"{path} is not a compiled file of examples/ or tests/"
    marker = re.escape(f"//! [{name}]")
    found = re.findall(rf"^[ \t]*{marker}[ \t]*\n(.*?)^[ \t]*{marker}[ \t]*$", tree.read(path), re.M | re.S)
    if len(found) != 1:
        return None, f"{path} has {len(found)} regions between two lines '//! [{name}]'"
    return textwrap.dedent(re.sub(r"^[ \t]*//! \[\w+\][ \t]*\n", "", found[0], flags=re.M)), None


def main():
    violations, blocks = [], 0
    for document in documents():
        text = tree.read(document)

        def check(match):
            nonlocal blocks
            blocks += 1
            path, name, body = match.groups()
            where = f"{document}:{text.count(chr(10), 0, match.start()) + 1}"
            if path is None:
                violations.append(f"{where}: a C++ block without '<!-- snippet: file region -->' before it")
                return match.group(0)
            wanted, reason = region(path, name)
            if reason:
                violations.append(f"{where}: {reason}")
            elif wanted != body and "--write" not in sys.argv:
                violations.append(f"{where}: differs from region '{name}' of {path}; run snippets.py --write")
            return match.group(0) if reason else match.group(0).replace(body, wanted) if body else match.group(0)

        written = BLOCK.sub(check, text)
        if "--write" in sys.argv and written != text:
            (tree.ROOT / document).write_text(written, encoding="utf-8")
        prose = re.sub(r"^```.*?^```$|^    .*$|`[^`\n]*`", "", text, flags=re.M | re.S)
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", prose):
            if not re.match(r"[a-z]+:", target) and not (tree.ROOT / document).parent.joinpath(target).exists():
                violations.append(f"{document}: the link to {target} is broken")
    tree.report("snippets", f"{blocks} blocks in {len(documents())} documents", violations)


if __name__ == "__main__":
    main()
