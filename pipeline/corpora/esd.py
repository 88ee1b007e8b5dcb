"""ESD, the emotional speech dataset (Zhou et al. 2022, doi:10.1016/j.specom.2021.11.006), Mandarin and English.

Files are `SPEAKER/EMOTION/SPEAKER_NUMBER`, in some releases with `train`, `evaluation` or `test` before the file:
`0011/Angry/0011_000351`. Speakers 0001 to 0010 speak Mandarin, 0011 to 0020 English; for one half, give a folder with
its ten speakers. Texts are in `SPEAKER/SPEAKER.txt`, where it is there. The same 350 sentences stand in every emotion,
and the release's own split has every speaker in all parts.
"""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from pipeline.corpora.base import CorpusParams, CorpusReader, Utterance, audio_files
from pipeline.errors import UserError

PATH = re.compile(r"(?:.*/)?(\d{4})/([A-Za-z]+)/(?:(?:train|evaluation|test)/)?(\1_\d{6})\.\w+")


class ESD(CorpusReader):
    """Reads ESD as it is unpacked."""

    name = "esd"
    title = "ESD, the emotional speech dataset"
    licence = "research only, on signing the authors' licence"
    source = "https://github.com/HLTSingapore/Emotional-Speech-Data"
    emotions = {"Angry": "angry", "Happy": "happy", "Neutral": "neutral", "Sad": "sad", "Surprise": "surprised"}

    def read(self, root: Path, params: CorpusParams) -> Iterator[Utterance]:
        """Yield the recordings of ESD below `root`.

        Raises:
            UserError: a file's place does not follow the rule above.
        """
        texts: dict[PurePosixPath, dict[str, str]] = {}
        for wav in audio_files(root):
            match = PATH.fullmatch(wav)
            if not match:
                raise UserError(f"{root / wav}: not a file of ESD (as 0011/Angry/0011_000351.wav)")
            speaker, emotion, stem = match.groups()
            folder = PurePosixPath(wav[: match.start(2) - 1])
            if folder not in texts:
                texts[folder] = _texts(root / folder / f"{speaker}.txt")
            yield Utterance(
                wav=wav,
                key=f"esd-{stem}",
                raw_emotion=emotion,
                speaker=speaker,
                language="zh" if int(speaker) <= 10 else "en",
                text=texts[folder].get(stem, ""),
            )


def _texts(path: Path) -> dict[str, str]:
    """File name -> text, of lines `name TAB text TAB emotion`."""
    if not path.is_file():
        return {}
    data = path.read_bytes()
    text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig", errors="replace")
    lines = (line.split("\t") for line in text.splitlines())
    return {parts[0].strip(): parts[1].strip() for parts in lines if len(parts) > 1}
