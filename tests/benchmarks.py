"""Corpora and lists for tests of `ser benchmark`."""

import numpy as np
import soundfile
from emobox_lists import line, write_lists

CODES = {"01": "Neutral", "03": "Happy", "05": "Angry"}
ACTORS = ("01", "02", "03", "04")


def write_ravdess(folder, actors=ACTORS, takes=2):
    """A corpus of short noises that is named as RAVDESS is, of three emotions; its keys, by actor."""
    keys = {actor: [] for actor in actors}
    for number, code in enumerate(CODES):
        for actor in actors:
            for take in range(1, takes + 1):
                name = f"03-01-{code}-01-01-{take:02}-{actor}"
                noise = np.random.default_rng([number, int(actor), take]).standard_normal(4000)
                path = folder / f"Actor_{actor}" / f"{name}.wav"
                path.parent.mkdir(parents=True, exist_ok=True)
                soundfile.write(path, 0.1 * (1 + number) * noise / abs(noise).max(), 16000)
                keys[actor].append(name)
    return keys


def write_ravdess_lists(folder, keys, together=2):
    """Folds that test so many actors each, as EmoBox's, and the fold after."""
    lines = {
        actor: [line("ravdess", name, CODES[name.split("-")[2]], f"downloads/ravdess/{name}.wav") for name in names]
        for actor, names in keys.items()
    }
    actors = list(lines)
    tests = [actors[i : i + together] for i in range(0, len(actors), together)]
    folds = [
        {
            "train": [one for actor in actors if actor not in tested for one in lines[actor]],
            "test": [one for actor in tested for one in lines[actor]],
        }
        for tested in tests
    ]
    return write_lists(folder, "ravdess", folds)
