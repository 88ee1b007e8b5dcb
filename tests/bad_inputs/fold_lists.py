"""Lists of folds from a stranger, through `ser audit`."""

import os
from pathlib import Path

from bad_inputs.registry import bad_input
from emobox_lists import line, write_lists


def table(name, says, data):
    """A table of these bytes."""

    def make(folder: Path) -> list[str]:
        (folder / "folds.csv").write_bytes(data)
        return ["audit", "folds.csv"]

    make.__module__ = __name__
    bad_input(f"table of folds: {name}", says=says)(make)


table("nothing in it", "has no column 'key' or 'path'", b"")
table("bytes that are no UTF-8", "not UTF-8 text", b"key,part\n\xff,test\n")
table("a NUL", "has not the 2 columns of the header", b"key,part\na\0b\n")
table("a part of nobody's", "is no part", b"key,part\na,hidden\n")
table("no test part", "the test part of fold 0 is empty", b"key,part\na,train\n")
table("a speaker in two spellings", "are one, or look it", b"key,part,speaker\na,train,01\nb,test,1\n")
table("a field of 300 000 characters", "not CSV", b"key,part\n" + b"a" * 300000 + b",test\n")
table("100 MB", "has more than 64 MiB", b"key,part\n" + b"a,test\n" * 15_000_000)


@bad_input("table of folds: a fifo", says="is no regular file")
def fifo(folder):
    os.mkfifo(folder / "folds.csv")
    return ["audit", "folds.csv"]


@bad_input("table of folds: not there", says="does not exist")
def nowhere(folder):
    return ["audit", "folds.csv"]


def lists(name, says, spoil):
    """EmoBox's lists, spoilt."""

    def make(folder: Path) -> list[str]:
        parts = {"train": [line("emodb", "03a01Fa", "x")], "test": [line("emodb", "08a01Na", "x")]}
        spoil(write_lists(folder / "emodb", "emodb", [parts]) / "fold_1" / "emodb_test_fold_1.jsonl")
        return ["audit", "emodb"]

    make.__module__ = __name__
    bad_input(f"lists of EmoBox: {name}", says=says)(make)


lists("no test list", "has no test list", lambda path: path.unlink())
lists("no JSON", "not a line of EmoBox's", lambda path: path.write_text("key: value\n"))
lists("nesting of 100 000 lists", "not a line of EmoBox's", lambda path: path.write_text("[" * 100000))
lists("keys that are numbers", "'key' should be text", lambda path: path.write_text('{"key": 1}\n'))
lists("a folder for a list", "cannot be read", lambda path: (path.unlink(), path.mkdir()))


@bad_input("lists of EmoBox: a folder without any", says="has no list of EmoBox's")
def empty(folder):
    (folder / "emodb").mkdir()
    return ["audit", "emodb"]


@bad_input("folds.json: folds that are none", says="should be a list of folds")
def no_folds(folder):
    (folder / "folds.json").write_text('[{"train": "all", "test": []}]')
    return ["audit", "folds.json"]


@bad_input("folds.json: a part misspelt", says="did you mean 'validation'?")
def misspelt(folder):
    (folder / "folds.json").write_text('[{"train": ["a"], "test": ["b"], "valdiation": ["c"]}]')
    return ["audit", "folds.json"]
