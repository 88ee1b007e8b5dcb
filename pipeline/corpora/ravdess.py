"""RAVDESS (Livingstone & Russo 2018, doi:10.1371/journal.pone.0196391), speech, audio only.

File names are seven two-digit codes, `modality-channel-emotion-intensity-statement-repetition-actor`: for example
`03-01-05-01-02-01-18` is audio-only (03) speech (01), angry (05), normal intensity (01), "Dogs are sitting by the
door" (02), first repetition (01), actor 18. Odd actors are male. Song (channel 02) and video (modality 01) files
are left out, and so are the zip's copies in `audio_speech_actors_01-24/`, as all equal copies are.
"""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from pipeline.corpora.base import CorpusParams, CorpusReader, Utterance, named_files

NAME = re.compile(r"(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)")

STATEMENTS = {"01": "Kids are talking by the door", "02": "Dogs are sitting by the door"}


SPEECH = ("03", "01")
"""modality and channel of audio alone, spoken and not sung"""


class RAVDESS(CorpusReader):
    """Reads RAVDESS as it is unpacked."""

    name = "ravdess"
    title = "RAVDESS, the Ryerson audio-visual database, speech only"
    licence = "CC BY-NC-SA 4.0"
    source = "https://doi.org/10.5281/zenodo.1188976"
    shareable = True
    emotions = {
        "01": "neutral",
        "02": "calm",
        "03": "happy",
        "04": "sad",
        "05": "angry",
        "06": "fearful",
        "07": "disgusted",
        "08": "surprised",
    }

    def read(self, root: Path, params: CorpusParams) -> Iterator[Utterance]:
        """Yield the speech recordings of RAVDESS below `root`.

        Raises:
            UserError: a file name does not follow the rule above.
        """
        rule = "a RAVDESS file name (seven two-digit codes, as 03-01-05-01-02-01-18)"
        for wav, match in named_files(root, NAME, rule):
            if (match[1], match[2]) == SPEECH:
                yield _utterance(wav, match)

    def named(self, wav: str) -> Utterance | None:
        """The recording that a file's name tells."""
        match = NAME.fullmatch(PurePosixPath(wav).stem)
        return _utterance(wav, match) if match else None


def _utterance(wav: str, match: re.Match[str]) -> Utterance:
    _, _, emotion, _, statement, repetition, actor = match.groups()
    return Utterance(
        wav=wav,
        key=f"ravdess-{match[0]}",
        raw_emotion=emotion,
        speaker=f"actor_{actor}",
        gender="male" if int(actor) % 2 else "female",
        language="en",
        text=STATEMENTS.get(statement, ""),
        session=repetition,
    )
