"""CASIA, the Chinese emotional speech corpus of the Institute of Automation, four actors, Mandarin, six emotions.

What is passed on is a part: 50 sentences by two women and two men in six emotions, as `SPEAKER/EMOTION/NUMBER`
(`wangzhe/angry/201`), or as `NUMBER-EMOTION-SPEAKER` in any folder (`angry/201-angry-liuchanhg`). The whole corpus has
more folders, in some of which the speakers' names are written the other way round (`Zhe.Wang`) and neutral is `normal`.
"""

import re
from collections.abc import Collection, Iterator
from itertools import product
from pathlib import Path

from pipeline.corpora.base import CorpusParams, CorpusReader, Published, Utterance, audio_files
from pipeline.errors import UserError

SPEAKERS = {
    "liuchanhg": "liuchanhg",
    "chang.liu": "liuchanhg",
    "wangzhe": "wangzhe",
    "zhe.wang": "wangzhe",
    "zhaoquanyin": "zhaoquanyin",
    "quanyin.zhao": "zhaoquanyin",
    "zhaozuoxiang": "zhaozuoxiang",
    "zuoxiang.zhao": "zhaozuoxiang",
}
"""how folders write a speaker, in small letters -> speaker; the first is misspelt in the release itself"""

WOMEN = {"liuchanhg", "zhaoquanyin"}

SPEAKER = "|".join(map(re.escape, SPEAKERS))
PATH = re.compile(rf"(?:.*/)?(?P<speaker>{SPEAKER})/(?P<emotion>[a-z]+)/(?P<number>\d{{1,4}})\.\w+", re.IGNORECASE)
NAME = re.compile(rf"(?:.*/)?(?P<number>\d{{1,4}})-(?P<emotion>[a-z]+)-(?P<speaker>{SPEAKER})\.\w+", re.IGNORECASE)

NUMBERS = range(201, 251)
"""sentences of the part that is passed on"""


class CASIA(CorpusReader):
    """Reads CASIA as it is unpacked."""

    name = "casia"
    title = "CASIA, the Chinese emotional speech corpus"
    licence = "sold by its publisher, for research; none is stated with the part that is passed on"
    source = "https://aistudio.baidu.com/aistudio/datasetdetail/209512"
    citation = "Institute of Automation, Chinese Academy of Sciences: CASIA, Chinese emotional speech corpus"
    gated = True
    languages = ("zh",)
    published = Published(
        1200,
        4,
        dict.fromkeys(("angry", "fearful", "happy", "neutral", "sad", "surprised"), 200),
        tuple(sorted({*SPEAKERS.values()})),
    )
    remark = "the counts are of the part that is passed on; the whole has 9600 recordings"
    emotions = {
        "angry": "angry",
        "fear": "fearful",
        "happy": "happy",
        "neutral": "neutral",
        "normal": "neutral",
        "sad": "sad",
        "surprise": "surprised",
    }

    def read(self, root: Path, params: CorpusParams) -> Iterator[Utterance]:
        """Yield the recordings of CASIA below `root`.

        Raises:
            UserError: a file's place does not follow the rules above.
        """
        for wav in audio_files(root):
            utterance = self.named(wav)
            if utterance is None:
                raise UserError(
                    f"{root / wav}: not a file of CASIA (as wangzhe/angry/201.wav or 201-angry-wangzhe.wav)"
                )
            yield utterance

    def expected(self, root: Path) -> Collection[str]:
        """Keys of the part that is passed on."""
        codes = [code for code in self.emotions if code != "normal"]
        return [
            f"casia-{n}-{speaker}-{code}" for n, speaker, code in product(NUMBERS, self.published.speaker_names, codes)
        ]

    def named(self, wav: str) -> Utterance | None:
        """The recording that a file's name tells, or its name and its folders'."""
        match = PATH.fullmatch(wav) or NAME.fullmatch(wav)
        if not match:
            return None
        written, emotion = match["speaker"].lower(), match["emotion"].lower()
        speaker = SPEAKERS[written]
        return Utterance(
            wav=wav,
            key=f"casia-{match['number']}-{written}-{emotion}",
            raw_emotion=emotion,
            speaker=speaker,
            gender="female" if speaker in WOMEN else "male",
            language="zh",
        )
