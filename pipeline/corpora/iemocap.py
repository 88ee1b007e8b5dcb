"""IEMOCAP (Busso et al. 2008, doi:10.1007/s10579-008-9076-6), five sessions of two speakers, English.

Recordings are `SessionN/sentences/wav/DIALOGUE/TURN.wav`; the turn `Ses01F_impro03_M005` is of session 1, dialogue
`Ses01F_impro03`, spoken by the man. Emotions are in `SessionN/dialog/EmoEvaluation/DIALOGUE.txt`, texts in
`SessionN/dialog/transcriptions/DIALOGUE.txt`. The two speakers of a session are in no other.

Excited and frustrated turns have labels of their own; turns without agreement (xxx) are `other`. The usual four
classes, 5531 turns in which excitement counts as happiness, are the class set of an experiment: `emotions: [angry,
{happy: [happy, excited]}, neutral, sad]`.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from pipeline.corpora.base import CorpusParams, CorpusReader, Utterance, audio_files
from pipeline.errors import UserError
from pipeline.paths import check_fetched, read_bounded

WAV = re.compile(r"((?:.*/)?Session\d/)sentences/wav/[^/]+/((Ses0(\d)[FM]_\w+)_([FM])\d+)\.\w+")
TURN = re.compile(r"Ses0(\d)[FM]_\w+_([FM])\d+")
INSIDE = re.compile(r"(?:.*/)?Session\d/(?:sentences|dialog)/.*")
EVALUATION = re.compile(r"^\[[^\]]*\]\t(\S+)\t(\w+)\t", re.MULTILINE)
TRANSCRIPT = re.compile(r"^(\S+) \[[^\]]*\]:\s*(.*?)\s*$", re.MULTILINE)

FOLDERS = ("EmoEvaluation", "transcriptions")


class IEMOCAP(CorpusReader):
    """Reads IEMOCAP as it is unpacked."""

    name = "iemocap"
    title = "IEMOCAP, interactive emotional dyadic motion capture"
    licence = "research only, on request"
    source = "https://sail.usc.edu/iemocap/"
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

    def read(self, root: Path, params: CorpusParams) -> Iterator[Utterance]:
        """Yield the turns of IEMOCAP below `root`; whole dialogues (`dialog/wav`) are left out.

        Raises:
            UserError: there is no session, or a turn has no emotion.
        """
        labels: dict[Path, dict[str, str]] = {}
        texts: dict[Path, dict[str, str]] = {}
        turns = [match for wav in audio_files(root) if (match := WAV.fullmatch(wav))]
        if not turns:
            raise UserError(f"{root}: holds no Session1/sentences/wav/...; root is the folder with IEMOCAP's sessions")
        for match in turns:
            session, turn, dialogue, number, speaker = match.groups()
            evaluation, transcript = (root / session / "dialog" / folder / f"{dialogue}.txt" for folder in FOLDERS)
            if evaluation not in labels:
                labels[evaluation], texts[transcript] = _lines(evaluation, EVALUATION), _lines(transcript, TRANSCRIPT)
            if turn not in labels[evaluation]:
                raise UserError(
                    f"{root / match[0]}: its emotion should be in {evaluation}, and is not; restore that file"
                )
            told = _turn(match[0], turn, number, speaker)
            yield replace(told, raw_emotion=labels[evaluation][turn], text=texts[transcript].get(turn, ""))

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


def _lines(path: Path, rule: re.Pattern[str]) -> dict[str, str]:
    """The lines of a file that follow a rule, as first group -> second; none where there is no file."""
    if not path.is_file():
        return {}
    check_fetched(path)
    return dict(rule.findall(read_bounded(path).decode("latin-1").replace("\r\n", "\n")))
