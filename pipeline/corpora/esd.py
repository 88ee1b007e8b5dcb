"""ESD, the emotional speech dataset (Zhou et al. 2022, doi:10.1016/j.specom.2021.11.006), Mandarin and English.

Files are `SPEAKER/EMOTION/SPEAKER_NUMBER`, in some releases with `train`, `evaluation` or `test` before the file:
`0011/Angry/0011_000351`; where they lie in no emotion's folder, their numbers tell the emotion. Speakers 0001 to 0010
speak Mandarin, 0011 to 0020 English; for one half, give a folder with its ten speakers. Texts are in
`SPEAKER/SPEAKER.txt`, where it is there. The same 350 sentences stand in every emotion, and the release's own split has
every speaker in all parts: of an emotion's 350, numbers 1 to 20 are its evaluation part, for validation, 21 to 50 the
test part, and the rest the training part.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from pipeline.corpora.base import CorpusParams, CorpusReader, Published, Utterance, audio_files
from pipeline.corpora.text_encoding import decoded
from pipeline.errors import UserError
from pipeline.paths import check_fetched, read_bounded

WORDS = {
    "Angry": "angry 生气 愤怒",
    "Happy": "happy 快乐 开心 高兴",
    "Neutral": "neutral 中立 中性",
    "Sad": "sad 伤心 悲伤 难过",
    "Surprise": "surprise 惊喜 惊讶 吃惊 惊奇",
}
"""emotion -> how the transcripts write it, in English and in Mandarin"""

LINE = re.compile(r"(\d{4}_\d{6})(\s+\S.*)")
"""name, and the text with the emotion, where that is there"""

LAST_WORD = re.compile(r"(.*\S)\s+(\S+)")

IDEOGRAPH = re.compile("[\u4e00-\u9fff]")
"""Mandarin; English in Windows-1252 seems to have some when it is read as GB18030"""

PATH = re.compile(r"(?:.*/)?(\d{4})/([A-Za-z]+)/(?:(train|evaluation|test)/)?(\1_(\d{6}))\.\w+")
SPEAKER = re.compile(r"\d{4}")
FLAT = re.compile(r"(\d{4})_(\d{6})\.\w+")
SENTENCES = 350
"""of an emotion; files are numbered on from one emotion to the next"""

ORDER = ("Neutral", "Angry", "Happy", "Sad", "Surprise")
"""emotions as files are numbered"""


class ESD(CorpusReader):
    """Reads ESD as it is unpacked."""

    name = "esd"
    title = "ESD, the emotional speech dataset"
    licence = "research only, on signing the authors' licence"
    source = "https://github.com/HLTSingapore/Emotional-Speech-Data"
    citation = (
        "Zhou, Sisman, Liu and Li (2022): Emotional voice conversion: theory, databases and ESD. Speech "
        "Communication 137, 1-18. doi:10.1016/j.specom.2021.11.006"
    )
    gated = True
    languages = ("zh", "en")
    published = Published(
        35000,
        20,
        dict.fromkeys(("angry", "happy", "neutral", "sad", "surprised"), 7000),
        tuple(f"{speaker:04d}" for speaker in range(1, 21)),
    )
    emotions = {"Angry": "angry", "Happy": "happy", "Neutral": "neutral", "Sad": "sad", "Surprise": "surprised"}

    def read(self, root: Path, params: CorpusParams) -> Iterator[Utterance]:
        """Yield the recordings of ESD below `root`.

        Raises:
            UserError: a file's place does not follow the rule above.
        """
        texts: dict[PurePosixPath, dict[str, str]] = {}
        for wav in audio_files(root):
            utterance = self.named(wav)
            if utterance is None:
                raise UserError(f"{root / wav}: not a file of ESD (as 0011/Angry/0011_000351.wav)")
            parents = PurePosixPath(wav).parents
            folder = next((path for path in parents if path.name == utterance.speaker), parents[0])
            if folder not in texts:
                texts[folder] = _texts(root / folder / f"{utterance.speaker}.txt", utterance.language)
            line = texts[folder].get(PurePosixPath(wav).stem, "")
            yield replace(utterance, text=_without_emotion(line, utterance.raw_emotion))

    def expected(self, root: Path) -> Collection[str]:
        """Keys of 350 sentences of five emotions by each speaker."""
        return [
            f"esd-{speaker}_{number:06d}"
            for speaker in self.published.speaker_names
            for number in range(1, SENTENCES * len(ORDER) + 1)
        ]

    def named(self, wav: str) -> Utterance | None:
        """The recording that a file's path tells, without its text."""
        match = PATH.fullmatch(wav)
        if not match:
            return _flat(wav)
        _, emotion, folder, stem, number = match.groups()
        return _utterance(wav, stem, emotion, _part(int(number), folder))


def _flat(wav: str) -> Utterance | None:
    """The recording of a file in no emotion's folder: the number tells the emotion."""
    *folders, name = PurePosixPath(wav).parts
    match = FLAT.fullmatch(name)
    number = int(match[2]) if match else 0
    elsewhere = {*ORDER, *(folder for folder in folders if SPEAKER.fullmatch(folder))} - {match[1] if match else ""}
    if not match or {*folders} & elsewhere or not 1 <= number <= SENTENCES * len(ORDER):
        return None
    return _utterance(wav, PurePosixPath(name).stem, ORDER[(number - 1) // SENTENCES], _part(number, None))


def _utterance(wav: str, stem: str, emotion: str, part: str) -> Utterance:
    speaker = stem[:4]
    return Utterance(
        wav=wav,
        key=f"esd-{stem}",
        raw_emotion=emotion,
        speaker=speaker,
        language="zh" if int(speaker) <= 10 else "en",
        part=part,
    )


def _part(number: int, folder: str | None) -> str:
    """The part of the release's own split, by the folder that a file lies in, else by its number."""
    if folder:
        return "validation" if folder == "evaluation" else folder
    sentence = (number - 1) % SENTENCES + 1
    return "validation" if sentence <= 20 else "test" if sentence <= 50 else "train"


def _texts(path: Path, language: str) -> dict[str, str]:
    """File name -> text and emotion, of lines `name TAB text TAB emotion`; some releases have spaces for tabs.

    Raises:
        UserError: the file is not text in an encoding that a release has.
    """
    if not path.is_file():
        return {}
    check_fetched(path)
    data = read_bounded(path)
    try:
        text, encoding = decoded(data, ["gb18030", "cp1252"] if language == "en" else ["gb18030"])
    except ValueError as error:
        raise UserError(f"{path}: {error}; save it as UTF-8") from error
    if encoding == "gb18030" and language == "en" and IDEOGRAPH.search(text):
        text = data.decode("cp1252", errors="replace")
    return {match[1]: match[2] for line in text.splitlines() if (match := LINE.fullmatch(line.strip()))}


def _without_emotion(line: str, emotion: str) -> str:
    """The text of a line without its emotion: what stands after a tab, else a last word that is the recording's own."""
    text, tab, _ = line.strip().partition("\t")
    last = None if tab or "\t" in line else LAST_WORD.fullmatch(text)
    return last[1] if last and last[2].lower() in WORDS.get(emotion, "").split() else text.strip()
