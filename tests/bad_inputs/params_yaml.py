"""params.yaml from a stranger, through `ser graph`."""

import os
from pathlib import Path

from bad_inputs.registry import bad_input
from conftest import PARAMS

BASE = "seed: 0\n"


def text(name, says, given):
    """A params.yaml of this text."""

    def make(folder: Path) -> list[str]:
        data = given if isinstance(given, bytes) else given.encode()
        (folder / "params.yaml").write_bytes(data)
        return ["graph"]

    make.__module__ = __name__
    bad_input(f"params.yaml: {name}", says=says, code=2)(make)


def anchors(levels, each, merged=False):
    """Anchors of which each stands for some of the one before."""
    first = "x0: &x0 {k: v}\n" if merged else "x0: &x0 [v]\n"
    lines = []
    for level in range(1, levels):
        repeated = ", ".join([f"*x{level - 1}"] * each)
        lines.append(f"x{level}: &x{level} {{<<: [{repeated}]}}\n" if merged else f"x{level}: &x{level} [{repeated}]\n")
    return first + "".join(lines)


def chain(levels):
    """Anchors that nest each other, 45 levels each."""
    lines = ["x0: &x0 [v]\n"]
    lines += [f"x{level}: &x{level} {'[' * 45}*x{level - 1}{']' * 45}\n" for level in range(1, levels)]
    return "".join(lines)


TOO_MANY = "more than 10000 keys and values"
TOO_DEEP = "more than 50 levels of nesting"
BASE_60 = "would be a number to base 60"

text("anchors that make 10^9 items", TOO_MANY, anchors(10, 10))
text("anchors that make 2^60 items", TOO_MANY, anchors(60, 2))
text("merge keys that make 10^9 keys", TOO_MANY, anchors(10, 10, merged=True))
text("one alias 20 000 times", TOO_MANY, f"a: &a x\nb: [{'*a, ' * 20000}]\n")
text("aliases that nest 20 000 levels", TOO_DEEP, chain(450))
text("an anchor in itself", "*a stands in itself", "a: &a {b: *a}\n")
text("an anchor merged into itself", "*a stands in itself", "a: &a\n  <<: *a\n")
text("30 000 keys", TOO_MANY, "".join(f"key{number}: 1\n" for number in range(30000)))
text("4 900 unknown keys", "unknown key", "".join(f"key{number}: 1\n" for number in range(4900)))
text("30 000 experiments", TOO_MANY, "experiments:\n" + "".join(f"  e{n}: {{}}\n" for n in range(30000)))
text(
    "1 600 wrong features",
    "is not known",
    "features:\n" + "".join(f"  f{n}: {{extractor: mfc}}\n" for n in range(1600)),
)
text("a number of 200 000 digits and a letter", "seed: ", f"seed: {'9' * 200_000}x\n")
text("an unknown key of 300 000 dots", "unknown key", f"? '{'.' * 300_000}'\n: 1\n")
text("a name of 300 000 dots", "may hold only letters", f"experiments:\n  ? '{'a.' * 150_000}'\n  : {{}}\n")
text("2 million items", "1048576 are the most", f"seed: [{'a,' * 2000000}]\n")
text("300 000 items", TOO_MANY, f"seed: [{'a,' * 300000}]\n")
text("100 MB", "1048576 are the most", b"#" * 100_000_000)
text("text of a million characters", "seed: input should be a valid integer", f"seed: {'x' * 1000000}\n")
text("a number of 500 000 digits", "is no valid int", f"seed: {'9' * 500000}\n")
text("nesting of 10 000 lists", TOO_DEEP, f"seed: {'[' * 10000}\n")
text("nesting of 10 000 mappings", TOO_DEEP, f"seed: {'{a: ' * 10000}\n")
text("nesting of 10 000 dashes", TOO_DEEP, f"seed:\n  {'- ' * 10000}\n")
text("nesting of 10 000 question marks", TOO_DEEP, f"{'? ' * 10000}\n")
text("1:30, to base 60", BASE_60, "seed: 1:30\n")
text("1:30.5, to base 60", BASE_60, "scoring: {bootstrap: 1:30.5}\n")
text("-190:20:30, to base 60", BASE_60, "seed: -190:20:30\n")
text("1:30 as a key", BASE_60, "features: {1:30: {}}\n")
text("!!int of 1:30", BASE_60, "seed: !!int '1:30'\n")
text("a Python object", "not valid YAML", "seed: !!python/object/apply:os.system [id]\n")
text("a tag of nobody's", "not valid YAML", "seed: !other 1\n")
text("bytes that are no UTF-8", "not UTF-8 text", b"seed: \xff\xfe\n")
text("UTF-16", "not UTF-8 text", "seed: 0\n".encode("utf-16"))
text("a NUL", "not valid YAML", "seed: \0\n")
text("escape codes", "not valid YAML", "seed: \x1b[31m\n")
text("escape codes, escaped", "seed: input should be a valid integer", 'seed: "\\e[31m\\e]0;x\\a"\n')
text("escape codes in a key", "unknown key", '"\\e[31mseed": 1\n')
text("two documents", "not valid YAML", "seed: 0\n---\nseed: 1\n")
text("a list", "must be a mapping", "- seed\n")
text("a key that stands twice", "stands twice", "seed: 0\nseed: 1\n")
text("a list as a key", "not valid YAML", "{[a]: 1}\n")
text("infinity", "scoring.bootstrap", "scoring: {bootstrap: .inf}\n")

for section, name, bad, says in (
    ("corpora", "mine", "-x", "begins with '-', as options do"),
    ("experiments", "picture", "n" * 300, "has 300 characters, and 100 are the most"),
    ("features", "mel", "../x", "may hold only letters, digits"),
):
    text(f"the name {bad[:5]} in {section}", says, PARAMS.replace(f"  {name}: {{", f"  {bad}: {{", 1))

PATTERN = "corpora: {mine: {reader: folder, root: recordings, speaker_pattern: '%s'}}\n"
text("a speaker_pattern nested 5 000 deep", "500 are the most", PATTERN % ("(" * 5000 + ")" * 5000))
text("a speaker_pattern that repeats too often", "is no regular expression", PATTERN % "(a){99999999999999}")
text("a speaker_pattern without a group", "needs a group", PATTERN % "a+")


@bad_input("params.yaml: a fifo", says="is no regular file", code=2)
def fifo(folder):
    os.mkfifo(folder / "params.yaml")
    return ["graph"]


@bad_input("params.yaml: a link to /dev/zero", says="is no regular file", code=2)
def device(folder):
    (folder / "params.yaml").symlink_to("/dev/zero")
    return ["graph"]


@bad_input("params.yaml: anchors in --set of `ser extract`", says=TOO_MANY, code=2)
def setting(folder):
    return ["extract", "mfcc", ".", "--out", "f.h5", "--set", f"n_mels=[{'a, ' * 20000}]"]
