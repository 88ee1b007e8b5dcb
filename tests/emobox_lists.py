"""Lists of folds as EmoBox has them, made small."""

import json


def line(corpus, name, emotion, wav=None):
    """A line: the key is the file's name after the corpus's."""
    values = {"key": f"{corpus}-{name}", "dataset": corpus, "wav": wav or f"downloads/{corpus}/{name}.wav"}
    return {**values, "type": "raw", "emo": emotion, "channel": 1}


def write_lists(folder, corpus, folds, labels=None, slip="_"):
    """Write folds, each {"train": lines, "test": lines}, maybe "valid"; `slip` goes between `fold` and its number."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, parts in enumerate(folds, 1):
        for part, lines in parts.items():
            path = folder / f"fold_{number}" / f"{corpus}_{part}_fold{slip}{number}.jsonl"
            path.parent.mkdir(exist_ok=True)
            path.write_text("".join(json.dumps(one) + "\n" for one in lines), encoding="utf-8")
    if labels:
        (folder / "label_map.json").write_text(json.dumps(labels), encoding="utf-8")
    return folder
