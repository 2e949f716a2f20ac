# SPDX-License-Identifier: MIT
"""Which names are public.

Names declared in a namespace detail are used by their own room only: neither qualified (detail::f, scoresde::detail::f)
nor from another room's namespace detail. A header outside a folder detail/ declares more than such names. Namespace
scoresde::cuda declares fewer than 50 types outside detail. Tests belong to the room that they mirror, and a fuzz target
to that of the function that it calls.
"""

import re

import layers
import tree

TYPES_OF_CUDA = 50
TYPE = re.compile(r"\b(?:struct|class|enum(?:\s+class)?|concept|union)\s+(\w+)\b(?!\s*<)|\busing\s+(\w+)\s*=")
VALUE = re.compile(r"(?<=[\w>&*\]\s])\b([a-zA-Z_]\w+)\s*(?:<[^;{}()]*>)?\s*(?:\(|=(?!=)|\[|\{|$)")
TEMPLATE = re.compile(r"\btemplate\s*<(?:[^<>]|<(?:[^<>]|<[^<>]*>)*>)*>")
KEYWORDS = {"requires", "inline", "constexpr", "namespace", "noexcept", "const", "operator", "return", "decltype",
            "static_assert", "sizeof", "auto", "void", "bool", "double", "float", "int"}


def code_of(path):
    """The text without comments, literals and directives; positions of lines are preserved."""
    return re.sub(r"^[ \t]*#[^\n]*(\\\n[^\n]*)*", lambda m: re.sub(r"[^\n]", " ", m.group(0)), tree.code_only(tree.read(path)),
                  flags=re.M)


def room(name):
    """The room of a header by its name as included: layers.room, with the parts of a folder that it distinguishes taken as one."""
    found = layers.room(name)
    return {"tableaux": "ode", "cuda kernels": "cuda"}.get(found, found)


def files():
    """(path, name as included or '', rooms whose details the file may use) of all C++ files."""
    named = {path: name for name, path in (tree.headers() | tree.kernels()).items()}
    for path in tree.files(".hpp", ".cpp", ".cu", ".cuh"):
        folder = path.rsplit("/", 1)[0]
        if path in named:
            yield path, named[path], {room(named[path])}
        elif folder.startswith("backends/"):
            yield path, "", {folder.split("/")[1]}
        elif folder.startswith("tests/"):
            parts = folder.removeprefix("tests/").removeprefix("backends/").split("/")
            emulation = {"cuda"} if re.match(r"tests/support/(emulated|cuda)_", path) else set()  # a device of the backend
            yield path, "", {"tests", parts[0], "/".join(parts[:2])} | emulation
        else:
            yield path, "", {folder.split("/")[0]}


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


def parent(namespace):
    """What a namespace detail lies in; None for other namespaces."""
    parts = namespace.split("::")
    return "::".join(parts[:parts.index("detail")]) if "detail" in parts else None


def declarations(code):
    """{namespace: (types, other names) declared directly in it}."""
    found = {}
    for start, end, namespace, direct in stretches(code):
        if direct and namespace:
            types, others = found.setdefault(namespace, (set(), set()))
            for statement in code[start:end].split(";"):
                bare = TEMPLATE.sub(" ", statement)
                here = {first or second for first, second in TYPE.findall(bare)}
                types |= here
                others |= set() if here else set(VALUE.findall(bare.rstrip())[:1]) - KEYWORDS
    return found


def uses(code):
    """(position, parent of the namespace detail that it is written in, name) of what may be a name of a namespace detail;
    the parent is None for a qualified name."""
    for match in re.finditer(r"(?<![\w.])(?:\w+::)*\bdetail::(\w+)", code):
        if not re.search(r"namespace\s*$", code[:match.start()]):
            yield match.start(), None, match.group(1)
    for start, end, namespace, _ in stretches(code):
        if parent(namespace) is not None:
            for match in re.finditer(r"(?<![\w.>:])([A-Z]\w+|[a-z]\w*(?=\s*[(<]))(?!::)", code[start:end]):
                yield start + match.start(), parent(namespace), match.group(1)


def declares_itself(code, name):
    """Whether a file has a function, or a parameter of a template, with the name of another room's detail."""
    return re.search(rf"(?<!return)(?<!throw)(?<!else)\s(?<=[\w>&*]\s){name}\s*\(", code) or \
        re.search(rf"\b(class|typename|struct)\s+{name}\b", code)


def included(headers):
    """{header: all headers that it includes}."""
    direct = {name: set(re.findall(r'#include [<"]((?:scoresde|kernels)/[^>"]+)[>"]', tree.read(path)))
              for name, path in headers.items()}
    found = {}

    def closure(name):
        if name not in found:
            found[name] = set()
            for other in direct.get(name, ()):
                found[name] |= {other} | closure(other)
        return found[name]

    for name in direct:
        closure(name)
    return found


def main():
    violations, owners, cuda = [], {}, set()
    everything = [(path, name, rooms, code_of(path)) for path, name, rooms in files()]
    for path, name, rooms, code in everything:
        found = declarations(code)
        for namespace, (types, others) in found.items():
            if parent(namespace) is not None:
                for declared in types | others:
                    owners.setdefault(declared, []).append((min(rooms), parent(namespace), name))
            elif namespace == "scoresde::cuda" and name.startswith("scoresde/cuda/"):
                cuda |= types
        hidden = [parent(namespace) is not None for namespace, names in found.items() if any(names)]
        if hidden and all(hidden) and name and "/detail/" not in name:
            violations.append(f"{path}: declares names of namespace detail only; it belongs in its room's detail/")
    if len(cuda) >= TYPES_OF_CUDA:
        violations.append(f"scoresde::cuda declares {len(cuda)} types outside detail; fewer than {TYPES_OF_CUDA} are allowed: "
                          + ", ".join(sorted(cuda)))
    reach = included(tree.headers() | tree.kernels())
    for path, name, rooms, code in everything:
        if path.startswith("tests/fuzz/"):
            continue
        for at, inside, used in uses(code):
            theirs = owners.get(used, [])
            if not theirs or any(there in rooms for there, _, _ in theirs):
                continue
            if inside is not None and (not any(space == inside and header in reach.get(name, ()) for _, space, header in theirs)
                                       or declares_itself(code, used)):
                continue
            where = f"{path}:{code.count(chr(10), 0, at) + 1}"
            violations.append(f"{where}: detail::{used} is a part of '{theirs[0][0]}' alone")
    details = sum(map(len, owners.values()))
    tree.report("public names", f"{details} names in namespaces detail, {len(cuda)} types in scoresde::cuda", violations)


if __name__ == "__main__":
    main()
