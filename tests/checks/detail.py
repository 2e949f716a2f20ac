# SPDX-License-Identifier: MIT
"""Names declared in a namespace detail are used by their own room only, and no header outside a folder detail/ declares
only such names.

A use is a qualified name (detail::f, scoresde::detail::f), or a name written in another room's namespace detail of the
same parent. Rooms are those of layers.py; tests count as part of the room that they mirror.
"""

import re

import layers
import tree

TYPE = re.compile(r"\b(?:struct|class|enum(?:\s+class)?|concept|union)\s+(\w+)\b(?!\s*<)|\busing\s+(\w+)\s*=")
VALUE = re.compile(r"(?<=[\w>&*\]\s])\b([a-zA-Z_]\w+)\s*(?:<[^;{}()]*>)?\s*(?:\(|=(?!=)|\[|\{|$)")
TOKEN = re.compile(r"(?<![\w.>])((?:\w+::)*)([A-Za-z_]\w*)")
SOURCES = (".hpp", ".cpp", ".cu", ".cuh")


def without_directives(text):
    return re.sub(r"^[ \t]*#[^\n]*(\\\n[^\n]*)*", lambda m: re.sub(r"[^\n]", " ", m.group(0)), tree.code_only(text), flags=re.M)


def stretches(code):
    """(start, end, namespace, direct) of the text between braces; direct: not in a class or function."""
    stack, start = [], 0
    for match in re.finditer(r"[{}]", code):
        at = match.start()
        names = [name for name in stack if name]
        yield start, at, "::".join(names), len(names) == len(stack)
        if match.group() == "{":
            head = re.search(r"namespace\s*([\w:]*)\s*$", code[max(0, at - 120):at])
            stack.append((head.group(1) or "unnamed") if head else None)
        elif stack:
            stack.pop()
        start = at + 1


def in_detail(namespace):
    return "detail" in namespace.split("::")


def declarations(code):
    """{namespace: names declared directly in it}."""
    found = {}
    for start, end, namespace, direct in stretches(code):
        if not direct or not namespace:
            continue
        for statement in code[start:end].split(";"):
            bare = re.sub(r"\btemplate\s*<(?:[^<>]|<(?:[^<>]|<[^<>]*>)*>)*>", " ", statement)
            types = [first or second for first, second in TYPE.findall(bare)]
            values = [] if types else VALUE.findall(bare.rstrip())[:1]
            names = [name for name in types + values if len(name) > 1 and name not in KEYWORDS]
            found.setdefault(namespace, set()).update(names)
    return found


KEYWORDS = {"requires", "inline", "constexpr", "namespace", "noexcept", "const", "template", "operator", "return", "decltype",
            "static_assert", "sizeof", "auto", "void", "bool", "double", "float", "int"}


def uses(code):
    """(position, parent namespace or '', name) of every name that may be of a namespace detail."""
    for start, end, namespace, _ in stretches(code):
        parent = namespace.split("detail")[0].rstrip(":") if in_detail(namespace) else None
        for match in TOKEN.finditer(code, start, end):
            scope = match.group(1)
            if re.search(r"(^|::)detail::$", scope):
                yield match.start(), None, match.group(2)
            elif parent is not None and not scope:
                yield match.start(), parent, match.group(2)


def main():
    import sys
    headers = tree.headers()
    owners, parents, only = {}, {}, []
    for header, path in headers.items():
        code = without_directives(tree.read(path))
        found = declarations(code)
        outside = set().union(set(), *(names for namespace, names in found.items() if not in_detail(namespace)))
        inside = 0
        for namespace, names in found.items():
            if in_detail(namespace):
                for name in names:
                    owners.setdefault(name, {}).setdefault(layers.room(header), set()).add(header)
                    parents.setdefault((name, layers.room(header)), set()).add(namespace.split("detail")[0].rstrip(":"))
                    inside += 1
        if inside and not outside and "/detail/" not in header:
            only.append(path)
    print("ONLY", *only, sep="\n  ")
    out = {}
    for header, path in headers.items():
        here = layers.room(header)
        code = without_directives(tree.read(path))
        local = set(re.findall(r"\b\w+\b", ""))
        for at, parent, name in uses(code):
            rooms = owners.get(name, {})
            if not rooms or here in rooms:
                continue
            rooms = [r for r in rooms if parent is None or parent in parents[name, r]]
            if rooms:
                out.setdefault((name, "/".join(rooms), "Q" if parent is None else "u"), []).append(f"{path.split('scoresde/')[-1]}:{code.count(chr(10),0,at)+1}")
    for k, v in sorted(out.items(), key=lambda kv: (kv[0][2], kv[0][1], kv[0][0])): print(k, len(v), v[:6])


if __name__ == "__main__":
    main()
