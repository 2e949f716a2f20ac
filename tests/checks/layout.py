# SPDX-License-Identifier: MIT
"""Layout of the files: sizes, names, first lines, white space, and constructions that are not allowed."""

import re

import tree

LINES_OF_HEADER = 400
LINES_OF_EXAMPLE = 60
LINES_OF_PROGRAM = 120
LINES_OF_FUNCTION = 40
SOURCES = (".hpp", ".cpp", ".cu", ".cuh")
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "base", "misc"}
# In the code of public headers, without comments and literals.
REJECTED_IN_HEADERS = {
    r"\bvirtual\b": "virtual",
    r"\bstd::function\b": "std::function",
    r"\busing\s+namespace\b": "using namespace",
    r"\bstd::(mt19937|random_device|normal_distribution|default_random_engine)": "a <random> engine; use Noise",
}
REJECTED_EVERYWHERE = {r"(?<![\w:.>])(std::)?s?rand\s*\(": "rand()", r"\bgoto\b": "goto"}
CONTROL = r"^(if|for|while|switch|catch|else|do|try|namespace|struct|class|enum|union|extern|return|concept|requires)\b"


def functions(text):
    """(line of the opening brace, number of lines, signature) of every outermost function body."""
    code = re.sub(r"^[ \t]*#[^\n]*(\\\n[^\n]*)*", lambda m: re.sub(r"[^\n]", " ", m.group(0)), tree.code_only(text),
                  flags=re.M)
    depth, inside, since, found, kinds = 0, None, 0, [], []
    parentheses = 0
    for at, character in enumerate(code):
        if character in "()":
            parentheses += 1 if character == "(" else -1
        elif character == "{":
            signature = " ".join(code[since:at].split())
            signature = re.sub(r"^((public|private|protected):|template <[^{}]*?> (?=\w)|requires\b.*?\) )+ ?", "", signature)
            body = ")" in signature and not re.match(CONTROL, signature) and not re.search(r"=\s*$", signature)
            if inside is None and body and parentheses == 0:
                inside = (depth, code.count("\n", 0, at) + 1, signature)
            depth += 1
            since = at + 1
        elif character == "}":
            depth -= 1
            if inside and depth == inside[0]:
                first = inside[1]
                found.append((first, code.count("\n", 0, at) + 1 - first + 1, inside[2]))
                inside = None
            since = at + 1
        elif character == ";":
            since = at + 1
    return found


def check_source(path, violations):
    text = tree.read(path)
    lines = text.splitlines()
    public = "/include/" in path or path.startswith(("include/", "backends/cuda/kernels/"))
    if not lines or not re.match(r"(//|#) SPDX-License-Identifier: MIT$", lines[0]):
        violations.append(f"{path}:1: the first line is not '// SPDX-License-Identifier: MIT'")
    if path.endswith((".hpp", ".cuh")):
        if len(lines) > LINES_OF_HEADER:
            violations.append(f"{path}: {len(lines)} lines; a header has at most {LINES_OF_HEADER}")
        if "#pragma once" not in lines:
            violations.append(f"{path}: no '#pragma once'")
    if re.match(r"examples/\d\d_\w+\.cpp$", path) and len(lines) > LINES_OF_EXAMPLE:
        violations.append(f"{path}: {len(lines)} lines; an example has at most {LINES_OF_EXAMPLE}")
    if public and not (len(lines) > 1 and lines[1].startswith("/// ")):
        violations.append(f"{path}:2: the second line is not a sentence ('/// …') that describes the file")
    code = tree.code_only(text)
    rejected = dict(REJECTED_EVERYWHERE)
    if public:
        rejected |= REJECTED_IN_HEADERS
    elif path.endswith(".hpp"):
        rejected |= {r"\busing\s+namespace\b": "using namespace"}
    for pattern, name in rejected.items():
        for match in re.finditer(pattern, code):
            violations.append(f"{path}:{code.count(chr(10), 0, match.start()) + 1}: {name} is not allowed")
    if not path.startswith("tests/"):
        for line, length, signature in functions(text):
            if length > LINES_OF_FUNCTION:
                violations.append(f"{path}:{line}: {length} lines; a function has at most {LINES_OF_FUNCTION}: {signature[-60:]}")


def check_program(path, violations):
    """Sources of programs are compiled, and programs are short and have tests."""
    folder, name = path.rsplit("/", 1)
    stem = name.removesuffix(".cpp")
    text = tree.read(path)
    lists = [f"{folder}/CMakeLists.txt"]
    if re.search(r"^int main\(", text, flags=re.M):
        lists.append("tests/CMakeLists.txt")
        if (length := len(text.splitlines())) > LINES_OF_PROGRAM:
            violations.append(f"{path}: {length} lines; a program has at most {LINES_OF_PROGRAM}")
    for cmake in lists:
        if not re.search(rf"\b{stem}\b", tree.read(cmake)):
            violations.append(f"{path}: {cmake} does not name {stem}")


def check_text(path, violations):
    for number, line in enumerate(tree.read(path).splitlines(), 1):
        if re.search(r"[ \t]+$", line) and not path.endswith(".md"):
            violations.append(f"{path}:{number}: trailing white space")


def main():
    violations = []
    sources = tree.files(*SOURCES)
    for path in sources:
        check_source(path, violations)
        if re.match(r"examples/(cifar10|cli|engine|tools)/\w+\.cpp$", path):
            check_program(path, violations)
    for path in tree.files(*SOURCES, ".md", ".txt", ".cmake", ".sh", ".py"):
        check_text(path, violations)
        stem = path.rsplit("/", 1)[1].split(".")[0]
        if stem in VAGUE_NAMES:
            violations.append(f"{path}: the name '{stem}' does not describe the contents")
    for folder in tree.INCLUDE_FOLDERS:
        seen = {}
        for path in tree.files(".hpp", ".cuh", folders=(folder,)):
            name = path.rsplit("/", 1)[1]
            if name in seen:
                violations.append(f"{path}: {seen[name]} has the same name")
            seen[name] = path
    sizes = sorted(len(tree.read(path).splitlines()) for path in tree.headers().values())
    median = sizes[len(sizes) // 2] if sizes else 0
    tree.report("layout", f"{len(sources)} sources, median header {median} lines", violations)


if __name__ == "__main__":
    main()
