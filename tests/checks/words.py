# SPDX-License-Identifier: MIT
"""Words of the texts: unfinished work, replaced names, and phrases that are not the field's American English.

Headers, sources, help texts, messages, tests, scripts and documents are searched, code included. A phrase is
found across the lines of a comment, a string literal or a paragraph.
"""

import bisect
import concurrent.futures
import itertools
import re

import tree

SOURCES = (".hpp", ".cuh", ".cpp", ".cu")

# Marks of unfinished work, split so that a search for them does not find this file.
UNFINISHED = ["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK", "place" + "holder", "st" + "ub", "for n" + "ow",
              "dum" + "my", "not ye" + "t implemented", "w" + "ip"]

# Words that end in -ise and -ising in American English too.
ISE = r"(?:\w*(?:nois|wis|rais|pris|vis|cis|promis|premis|guis|franchis|treatis|expertis|paradis)|a?ris)(?:es?|ed|ing|ers?)\b"

# Phrase (in lower case; a space stands for any white space): what to write instead.
PHRASES = {
    # Things do not speak.
    r"told|tells?|telling": "is conditioned on, returns, prints, contains",
    r"asks?|asked|asking": "requires, requests, calls",
    r"says?|saying|said": "contains, specifies, states, gives, selects; the output",
    r"hears?|listens?|wants?": "receives, requires, accepts",
    r"knows?|knew": "contains, supports, has",
    r"answers (?:to|with|by)|is answered": "returns, throws",
    r"refus(?:e|es|ed|ing|als?)": "reject, throw",
    r"remembers?|remembered|forgets?|forgot(?:ten)?": "store, keep; omit",
    r"sees|saw": "receives, is evaluated on; was trained on",
    r"nobody|whoever|whosoever|anybody": "the caller, the user; no one thing has to act",
    # Terms.
    r"pictures?": "image (data) or sample (what a sampler returns)",
    r"knobs?": "field, option",
    r"catalog(?:ue)?s?": "registry, list",
    r"besides?": "in addition to, next to, except",
    r"behind": "after, past the end",
    r"to try|try again|tries|tried": "test, attempt, retry",
    r"paint(?:s|ed|ing|er)?": "sample, write",
    r"to the bit|bit for bit": "bit-identical",
    r"front page": "README",
    r"(?:evaluations?|bytes|seconds|ms|µs|launches|images|[gm]ib|flops) an? "
    r"(?:step|second|sample|image|call|block|run|evaluation|pixel)": "per step, per second",
    r"dr(?:aws?|awn|ew|awing) (?:\d+ |the |its |these |all )?(?:samples|images)|(?:samples|images) (?:are|were) drawn":
        "sample; a draw is one named N(0, I) draw",
    # Negations.
    r"(?<!there )(?:is|are|was|were|be|being) no(?= (?!longer|more|less|fewer|other|larger|smaller|greater|better|worse))":
        "is not a",
    r"(?:has|have|had) not (?:the|that|an?|any|enough)": "does not have",
    # Plain, present forms.
    r"lest|hence|thus|shall|whence|thereby|thereof|therein|whereby|wherein|whereof|hitherto|thrice|whilst|amongst|"
    r"aught|naught|nought|albeit|upon|likewise|so as to": "plain forms",
    r"of (?:one|someone)['’]s own|of (?:his|her) own": "user-defined, your own",
    r"unfortunately|sadly|alas|admittedly|needless to say|of course": "a comment states what is true and why",
    r"formerly|used to be|in the past|in an earlier (?:edition|version)": "a comment states what is true now",
    r"(?:karras|song|ho|lu|zhao|zhang)['’]s|et al\.['’]s": "EDM, score_sde, Song et al.",
    # US spelling.
    rf"(?!{ISE})\w+is(?:es?|ed|ing|ations?|ers?)": "-ize, -ization",
    r"(?:analy|cataly|dialy|paraly)s(?:e|ed|ing)": "-yze",
    r"(?:misbe|be)haviours?|\w*(?:colo|favo|flavo|harbo|hono|humo|labo|neighbo|rigo|vapo|armo|endeavo)ur\w*": "-or",
    r"(?:cent|fib|lit|met|theat|calib)re(?:s|d)?|centring": "-er",
    r"(?:cance|channe|labe|leve|mode|signa|tota|trave|equa|dia|tunne|marsha|initia)ll(?:ed|ing|ers?)": "one l",
    r"grey\w*|licences?|programmes?|artefacts?|analogues?|mould\w*|ageing|judgement|defences?|offences?|learnt|spelt|"
    r"burnt|fulfil|skilful|sceptic\w*|per cent|maths": "US spelling",
}

# Replaced names. A word of English that was also a name is matched in its form in code.
NAMES = [
    r"Told\w*", r"\w+_told", r"tell_\w+", r"doors?_\w+", r"\w+_doors?", r"doors\.hpp", r"AdaptiveTries", r"TriedSteps",
    r"on_try", r"TryLimits", r"tries\(", r"RememberedPath", r"Multistep(?=[<{(`]| sampler)", r"ToEps", r"ToZero",
    r"Denoise", r"FinalDenoise", r"denoise = (?:true|false)", r"NormScope", r"ErrorScope", r"StepControl", r"KarrasSde",
    r"KarrasLoss", r"KarrasPreconditioned", r"song_\w+", r"Song[A-Z]\w*", r"\w+_knobs?", r"FlatConfig", r"Joined",
    r"SumScaled", r"sum_scaled\w*", r"WholePacket", r"PartOfPacket", r"Slab[A-Z]\w*", r"Strip(?=[<{(`])",
    r"Spread(?=[<{(`])", r"Gather(?=[<{(`])", r"SumRows", r"FinishStep", r"take_row", r"bring_orders", r"count_steps",
    r"DeviceNumbers", r"SampleNumbers", r"TabulatedScoreModel", r"Playing", r"require_answers", r"settled?\(",
    r"ChosenModel", r"takers_of", r"refuse_idle_options", r"goes_by_grid", r"feed_pyramid", r"gather_pyramid",
]
# Replaced names that are good names elsewhere: (path, name).
NAMES_OF_PLACES = [
    (r"^(include|backends)/", r"(?:enter|leave)\("),
    (r"^(include|backends)/", r"\b(?:Lanes|Quad)\b"),
    (r"^(include|backends/cuda)/", r"\bPacket\b"),  # Eigen's name for a SIMD register
    (r"^include/scoresde/nn/networks/", r"change\(|Resample how|waves\(|kept_"),
]

OTHERS = ["README.md", "CMakeLists.txt", ".ci/run", "benchmarks/compile_time"]
EXCEPT = {"tests/checks/words.py"}
# (path, line): why it may stand.
ALLOWED = [
    (r"docs/CHANGELOG\.md", "|".join(NAMES)),  # it lists what replaced them
    (r"tests/.*_test\.cpp", r"[.\"]pictures?\""),  # keys of golden files
    (r"tests/support/list_cases\.cmake", r"nrecognised token"),  # Catch2's message
]


def compiled(alternatives, flags=0):
    return re.compile(rf"\b(?:{alternatives})(?!\w)", flags)


# Of code and text, and of text alone.
IN_ALL = [(compiled("|".join(UNFINISHED), re.I), "finished work"), (compiled("|".join(NAMES)), "the name that replaced it")]
IN_TEXT = [(compiled(phrase), hint) for phrase, hint in PHRASES.items()]
IN_PLACES = [(re.compile(path), (re.compile(rf"\b(?:{name})"), "the name that replaced it")) for path, name in NAMES_OF_PLACES]


def flowing(text):
    """The text in one line, without comment marks and quotes at the edges of lines; and where each line begins."""
    lines = [re.sub(r'^\s*(?:///?<?|#+|")?\s*|\s*"?\s*$', "", line) for line in text.splitlines()]
    return " ".join(lines), list(itertools.accumulate((len(line) + 1 for line in lines), initial=0))


def found_in(path, text):
    """(number of the line, match, what to write) of all that is not allowed."""
    lines = text.splitlines()
    text_only = tree.text_only(text) if path.endswith(SOURCES) else text
    of_all = IN_ALL + [pattern for place, pattern in IN_PLACES if place.search(path)]
    for patterns, (flow, begins) in ((of_all, flowing(text)), (IN_TEXT, flowing(text_only.lower()))):
        for pattern, hint in patterns:
            for match in pattern.finditer(flow):
                number = bisect.bisect_right(begins, match.start())
                if not any(re.search(where, path) and re.search(line, lines[number - 1]) for where, line in ALLOWED):
                    yield number, match.group(0), hint


def violations_of(path):
    return [f"{path}:{number}: '{match}'; write: {hint}" for number, match, hint in sorted(found_in(path, tree.read(path)))]


def main():
    paths = tree.files(*SOURCES, ".md", ".cmake", ".txt", ".py", ".sh", ".in") + OTHERS
    with concurrent.futures.ProcessPoolExecutor() as pool:
        violations = sum(pool.map(violations_of, (path for path in paths if path not in EXCEPT), chunksize=32), [])
    tree.report("words", f"{len(paths)} files", violations)


if __name__ == "__main__":
    main()
