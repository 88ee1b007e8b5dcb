"""Corpora in formats of others: headers, lists and packed files from strangers, through the commands that read them."""

from pathlib import Path

from bad_inputs.csv_table import MANIFEST, PARAMS
from bad_inputs.registry import Make, bad_input
from recorded import record

CASES: dict[str, tuple[str, dict[str, str], str]] = {
    "a header that would run a command": (
        "reader: audformat",
        {"db.yaml": "!!python/object/apply:os.system [touch ran]"},
        "db.yaml: is no YAML",
    ),
    "a table that is a pickle": (
        "reader: audformat",
        {"db.yaml": "tables: {t: {type: filewise, columns: {emotion: {}}}}", "db.t.pkl": ""},
        "the table is a pickle, which may run code, and is not read",
    ),
    "a file out of the folder": (
        "reader: audformat",
        {"db.yaml": "tables: {t: {columns: {emotion: {}}}}", "db.t.csv": "file,emotion\n../params.yaml,sad\n"},
        "db.t.csv, line 2: path '../params.yaml' must name a file below the corpus folder",
    ),
    "a list nested 100 000 deep": (
        "reader: emobox, table: l.jsonl",
        {"l.jsonl": "[" * 100_000},
        "not a line of EmoBox's",
    ),
    "half a surrogate pair": (
        "reader: emobox, table: l.jsonl",
        {"l.jsonl": '{"key": "\\ud800", "wav": "000.wav", "emo": "sad"}'},
        "l.jsonl, line 1: not a line of EmoBox's",
    ),
    "metadata without emotions": (
        "reader: hf_datasets",
        {"metadata.csv": "file_name,label\n000.wav,sad\n"},
        "`columns: {emotion: NAME}` says which it is",
    ),
    "recordings that are packed": (
        "reader: hf_datasets",
        {"data-00000-of-00001.arrow": ""},
        "has the recordings inside; `ser unpack recordings NEW_FOLDER` writes them as files",
    ),
}


def _case(entry: str, files: dict[str, str]) -> Make:
    def make(folder: Path) -> list[str]:
        record(folder / "recordings", 1)
        for name, text in files.items():
            (folder / "recordings" / name).write_text(text, encoding="utf-8")
        params = PARAMS.format(more="").replace(
            "reader: folder, root: recordings, table: labels.csv", f"root: recordings, {entry}"
        )
        (folder / "params.yaml").write_text(params, encoding="utf-8")
        return MANIFEST

    make.__module__ = __name__
    return make


for name, (entry, files, says) in CASES.items():
    bad_input(f"formats: {name}", says=says)(_case(entry, files))


@bad_input("formats: a folder to unpack that has nothing packed", says="has neither state.json")
def nothing_packed(folder: Path) -> list[str]:
    """A folder of recordings."""
    record(folder / "recordings", 1)
    return ["unpack", "recordings", "out"]


@bad_input("formats: a table for a reader that takes none", says="table: is for the folder reader", code=2)
def needless_table(folder: Path) -> list[str]:
    """A table beside a reader that finds its own."""
    return _case("reader: hf_datasets, table: x.csv", {})(folder)


@bad_input("formats: recordings that are packed, in ser init", says="; give NEW_FOLDER then, which the reader")
def packed_in_init(folder: Path) -> list[str]:
    """A hub's Parquet file, and no recording."""
    (folder / "packed").mkdir()
    (folder / "packed/train-00000-of-00001.parquet").write_bytes(b"PAR1")
    return ["init", "--corpus", "mine=packed"]


@bad_input(
    "formats: metadata without emotions, in ser init", says="it has file_name, label; `columns: {emotion: NAME}`"
)
def unlabelled_in_init(folder: Path) -> list[str]:
    """Metadata whose labels have another name."""
    record(folder / "recordings", 1)
    (folder / "recordings/metadata.csv").write_text("file_name,label\n000.wav,sad\n", encoding="utf-8")
    return ["init", "--corpus", "mine=recordings"]
