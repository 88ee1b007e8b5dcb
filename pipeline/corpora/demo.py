"""Demo corpora, as `synthesis/speech.py` writes them."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from pipeline.corpora.base import CorpusParams, CorpusReader, Utterance, audio_files
from pipeline.corpora.synthesis.script import EMOTIONS, SENTENCES, SPEAKERS, STEM, Language
from pipeline.errors import UserError


class Demo(CorpusReader):
    """Reads a synthetic demo corpus."""

    name = "demo"
    title = "Demo corpus, read by a speech synthesiser"
    licence = "none needed: it is made on your machine"
    source = "the params `demo`, from which it is synthesised"
    citation = "nothing: it is no real speech"
    languages = ("en", "de")
    shareable = True
    emotions = {emotion: emotion for emotion in EMOTIONS}

    def read(self, root: Path, params: CorpusParams) -> Iterator[Utterance]:
        """Yield the recordings of a demo corpus below `root`, sorted by path.

        Raises:
            UserError: no audio, or a file name that `parse` does not accept.
        """
        for wav in audio_files(root):
            try:
                row = parse(PurePosixPath(wav).stem)
            except ValueError as error:
                raise UserError(f"{root / wav}: {error}") from error
            yield Utterance(
                wav=wav,
                key=row["key"],
                raw_emotion=row["raw_emotion"],
                speaker=row["speaker"],
                gender=row["gender"],
                language=row["language"],
                text=row["text"],
            )


def parse(stem: str) -> dict[str, str]:
    """Read a file name: `en_f1_angry_s03_t1` gives key, raw_emotion, speaker, gender, language, text.

    Raises:
        ValueError: the name does not follow `<language>_<speaker>_<emotion>_s<nn>_t<n>`, or names a speaker, emotion or
            sentence that the demo does not have.
    """
    match = STEM.fullmatch(stem)
    if match is None:
        raise ValueError(f"{stem!r} is not a demo file name: expected one such as en_f1_angry_s03_t1")
    language: Language = "de" if match["language"] == "de" else "en"
    if match["speaker"] not in SPEAKERS[language]:
        raise ValueError(f"{stem!r}: no speaker {match['speaker']!r} in the demo (has {', '.join(SPEAKERS[language])})")
    if match["emotion"] not in EMOTIONS:
        raise ValueError(f"{stem!r}: no emotion {match['emotion']!r} in the demo (has {', '.join(EMOTIONS)})")
    sentences = SENTENCES[language]
    number = int(match["sentence"])
    if not 1 <= number <= len(sentences):
        raise ValueError(f"{stem!r}: no sentence {number} in the demo (has 1 to {len(sentences)})")
    return {
        "key": stem,
        "speaker": f"{language}_{match['speaker']}",
        "gender": "female" if match["speaker"].startswith("f") else "male",
        "language": language,
        "raw_emotion": match["emotion"],
        "text": sentences[number - 1],
    }
