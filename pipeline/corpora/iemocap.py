"""IEMOCAP (Busso et al. 2008, doi:10.1007/s10579-008-9076-6), five sessions of two speakers, English.

Recordings are `SessionN/sentences/wav/DIALOGUE/TURN.wav`; the turn `Ses01F_impro03_M005` is of session 1, dialogue
`Ses01F_impro03`, spoken by the man. Emotions are in `SessionN/dialog/EmoEvaluation/DIALOGUE.txt`, texts in
`SessionN/dialog/transcriptions/DIALOGUE.txt`. The two speakers of a session are in no other.

Valence, arousal and dominance are the raters' means, from 1 to 5.

Excited and frustrated turns have labels of their own; turns without agreement (xxx) are `other`. The usual four
classes, 5531 turns in which excitement counts as happiness, are the class set of an experiment: `emotions: [angry,
{happy: [happy, excited]}, neutral, sad]`.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from pipeline.corpora.base import CorpusParams, CorpusReader, Published, Utterance, audio_files
from pipeline.corpora.ratings import DIMENSIONS
from pipeline.errors import UserError
from pipeline.paths import check_fetched, read_bounded

WAV = re.compile(r"((?:.*/)?Session\d/)sentences/wav/[^/]+/((Ses0(\d)[FM]_\w+)_([FM])\d+)\.\w+")
TURN = re.compile(r"Ses0(\d)[FM]_\w+_([FM])\d+")
INSIDE = re.compile(r"(?:.*/)?Session\d/(?:sentences|dialog)/.*")
EVALUATION = re.compile(r"^\[[^\]]*\]\t(\S+)\t(\w+)\t(?:\[(\d+\.\d+), (\d+\.\d+), (\d+\.\d+)\])?", re.MULTILINE)
TRANSCRIPT = re.compile(r"^(\S+) \[[^\]]*\]:[ \t]*(.*?)\s*$", re.MULTILINE)

Label = tuple[str, dict[str, float]]
"""emotion code, and dimension -> the raters' mean"""

FOLDERS = ("EmoEvaluation", "transcriptions")


class IEMOCAP(CorpusReader):
    """Reads IEMOCAP as it is unpacked."""

    name = "iemocap"
    title = "IEMOCAP, interactive emotional dyadic motion capture"
    licence = "research only, on request"
    source = "https://sail.usc.edu/iemocap/"
    citation = (
        "Busso, Bulut, Lee, Kazemzadeh, Mower, Kim, Chang, Lee and Narayanan (2008): IEMOCAP: interactive emotional "
        "dyadic motion capture database. Language Resources and Evaluation 42, 335-359. doi:10.1007/s10579-008-9076-6"
    )
    gated = True
    languages = ("en",)
    published = Published(
        10039,
        10,
        {
            "angry": 1103,
            "happy": 595,
            "excited": 1041,
            "sad": 1084,
            "neutral": 1708,
            "fearful": 40,
            "surprised": 107,
            "disgusted": 2,
            "frustrated": 1849,
            "other": 2510,
        },
        tuple(f"Ses0{session}{speaker}" for session in range(1, 6) for speaker in "FM"),
    )
    emotions = {
        "ang": "angry",
        "hap": "happy",
        "exc": "excited",
        "sad": "sad",
        "neu": "neutral",
        "fea": "fearful",
        "sur": "surprised",
        "dis": "disgusted",
        "fru": "frustrated",
        "oth": "other",
        "xxx": "other",
    }
    dimensions = ("valence", "arousal", "dominance")

    def read(self, root: Path, params: CorpusParams) -> Iterator[Utterance]:
        """Yield the turns of IEMOCAP below `root`; whole dialogues (`dialog/wav`) are left out.

        Raises:
            UserError: there is no session, or a turn has no emotion.
        """
        labels: dict[Path, dict[str, Label]] = {}
        texts: dict[Path, dict[str, str]] = {}
        turns = [match for wav in audio_files(root) if (match := WAV.fullmatch(wav))]
        if not turns:
            raise UserError(f"{root}: holds no Session1/sentences/wav/...; root is the folder with IEMOCAP's sessions")
        for match in turns:
            session, turn, dialogue, number, speaker = match.groups()
            evaluation, transcript = (root / session / "dialog" / folder / f"{dialogue}.txt" for folder in FOLDERS)
            if evaluation not in labels:
                labels[evaluation], texts[transcript] = _labels(evaluation), _texts(transcript)
            if turn not in labels[evaluation]:
                raise UserError(
                    f"{root / match[0]}: its emotion should be in {evaluation}, and is not; restore that file"
                )
            told = _turn(match[0], turn, number, speaker)
            emotion, dimensions = labels[evaluation][turn]
            text = texts[transcript].get(turn, "")
            yield replace(told, raw_emotion=emotion, text=text, dimensions=dimensions)

    def named(self, wav: str) -> Utterance | None:
        """The turn that a file's name tells, without its emotion and text."""
        match = TURN.fullmatch(PurePosixPath(wav).stem)
        return _turn(wav, match[0], match[1], match[2]) if match else None

    def knows(self, wav: str) -> bool:
        """Whether a file lies among those of a session."""
        return bool(INSIDE.fullmatch(wav))


def _turn(wav: str, turn: str, session: str, speaker: str) -> Utterance:
    return Utterance(
        wav=wav,
        key=f"iemocap-{turn}",
        raw_emotion="",
        speaker=f"Ses0{session}{speaker}",
        gender="female" if speaker == "F" else "male",
        language="en",
        session=f"Session{session}",
    )


def _labels(path: Path) -> dict[str, Label]:
    """Turn -> its emotion and numbers, of an evaluation; none where there is no file."""
    return {
        turn: (emotion, dict(zip(DIMENSIONS, map(float, means), strict=True)) if all(means) else {})
        for turn, emotion, *means in _lines(path, EVALUATION)
    }


def _texts(path: Path) -> dict[str, str]:
    """Turn -> what was spoken, of a transcription; none where there is no file."""
    return {turn: text for turn, text in _lines(path, TRANSCRIPT)}  # noqa: C416 - pairs, which mypy is told by this


def _lines(path: Path, rule: re.Pattern[str]) -> list[tuple[str, ...]]:
    """The groups of a file's lines that follow a rule; none where there is no file."""
    if not path.is_file():
        return []
    check_fetched(path)
    return list(rule.findall(read_bounded(path).decode("latin-1").replace("\r\n", "\n")))
