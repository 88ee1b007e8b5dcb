"""What of a corpus is there: what its authors say it holds, what a folder has, what is missing, what is unexpected."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pipeline.audio.containers import absence
from pipeline.audio.suffixes import unread_suffix
from pipeline.corpora import find_reader
from pipeline.corpora.base import (
    LISTS,
    CorpusParams,
    CorpusReader,
    Published,
    Utterance,
    audio_files,
    corpus_files,
    is_audio,
)
from pipeline.corpora.emotions import EMOTIONS, canonical
from pipeline.corpora.lost_links import lost
from pipeline.corpora.ratings import majority
from pipeline.corpora.same_key import one_of_each_key
from pipeline.corpora.unread import unread_suffixes
from pipeline.errors import UserError

LITTER = {"thumbs.db", "desktop.ini"}
"""what Windows leaves, in small letters; hidden files, as those of macOS, are not looked at"""


@dataclass(frozen=True)
class Coverage:
    """What of a corpus a folder has.

    Attributes:
        reader: its reader's name.
        root: the folder.
        published: what its authors say.
        expected: recordings that should be there; 0 where nothing says how many.
        recordings: distinct ones that are there.
        speakers: of these, sorted.
        labels: canonical label -> recordings, in the order of `EMOTIONS`; without one, what most raters chose.
        voted: recordings with raters' votes.
        dimensions: what there are numbers on, as valence -> recordings that have one.
        missing: recordings that are not there, by name, sorted, or what names them; none where no name is known.
        lacking: how many are not there.
        unexpected: audio files that no rule of the reader takes, or that are not the corpus's.
        surplus: recordings above the published number, where names are not known.
        hollow: audio files by name without a recording: empty ones, links to nothing, pointers of Git LFS or git-annex.
        hollow_reason: what the first of them is, and what to do.
        unlisted: audio files that no row of the corpus's table or list names, sorted; none where there is no table.
        copies: files equal to one that is there, and of its name.
        unread: suffix -> files that are sound or film and are not read.
        others: suffix -> files that are neither, as documents and tables.
        notes: of the reader, on what it leaves out.
    """

    reader: str
    root: str
    published: Published
    expected: int
    recordings: int
    speakers: tuple[str, ...]
    labels: Mapping[str, int]
    voted: int
    dimensions: Mapping[str, int]
    missing: tuple[str, ...]
    lacking: int
    unexpected: tuple[str, ...]
    surplus: int
    hollow: tuple[str, ...]
    hollow_reason: str
    unlisted: tuple[str, ...]
    copies: int
    unread: Mapping[str, int]
    others: Mapping[str, int]
    notes: tuple[str, ...]

    @property
    def missing_speakers(self) -> tuple[str, ...]:
        """Speakers of whom there is nothing; none where their names are not known."""
        return tuple(name for name in self.published.speaker_names if name not in self.speakers)

    @property
    def is_complete(self) -> bool:
        """Whether nothing is missing, and nothing unexpected."""
        return not (self.lacking or self.unexpected or self.surplus or self.hollow or self.missing_speakers)


@dataclass(frozen=True)
class _Held:
    """What a reader makes of a folder: utterances with their labels, and audio files that it does not take."""

    utterances: list[Utterance]
    labels: list[str]
    strays: list[str]
    notes: tuple[str, ...]


def coverage(params: CorpusParams) -> Coverage:
    """Hold a folder against what is published of its corpus; of files only the beginning is read, and those of one
    name are decoded.

    Raises:
        UserError: the folder is missing or has no audio, a table is missing or damaged, or two files of one name
            differ.
    """
    reader = find_reader(params.reader)
    files = corpus_files(params.root)
    held = _held(reader, params)
    absent = [u for u in held.utterances if u.absent]
    there = [u for u in held.utterances if not u.absent]
    hollow = {u.wav: why for u in there if (why := _hollow(params.root / u.wav))}
    of_each_key = one_of_each_key(params.root, [u for u in there if u.wav not in hollow])
    utterances = of_each_key.utterances
    label_of = dict(zip((utterance.key for utterance in held.utterances), held.labels, strict=True))
    counts = Counter(label_of[utterance.key] for utterance in utterances)
    gaps = _gaps(reader, params.root, utterances, absent)
    return Coverage(
        reader=reader.name,
        root=str(params.root),
        published=reader.published,
        expected=gaps.expected,
        recordings=len(utterances),
        speakers=tuple(sorted({utterance.speaker for utterance in utterances} - {""})),
        labels={emotion: counts[emotion] for emotion in EMOTIONS if counts[emotion]},
        voted=sum(bool(utterance.votes) for utterance in utterances),
        dimensions=dict(Counter(name for utterance in utterances for name in utterance.dimensions)),
        missing=gaps.missing,
        lacking=gaps.lacking,
        unexpected=tuple(sorted([*held.strays, *gaps.beyond])),
        surplus=gaps.surplus,
        hollow=tuple(sorted(hollow)),
        hollow_reason=hollow[min(hollow)] if hollow else "",
        unlisted=tuple(sorted(_unlisted(params, files, held))),
        copies=of_each_key.copies,
        unread=unread_suffixes(files),
        others=_suffixes(name for name in files if _is_document(name)),
        notes=held.notes,
    )


def _unlisted(params: CorpusParams, files: Sequence[str], held: _Held) -> set[str]:
    named = {utterance.wav for utterance in held.utterances}.union(held.strays)
    return set(filter(is_audio, files)) - named if params.table or params.reader in LISTS else set()


def _hollow(path: Path) -> str:
    return lost(path) or absence(path)


def _held(reader: CorpusReader, params: CorpusParams) -> _Held:
    """Read a folder; where a file stops the reader, by what file names tell of the others.

    Raises:
        UserError: the reader was stopped by something else.
    """
    try:
        strays: list[str] = []
        utterances = [*reader.read(params.root, params.model_copy(update={"on_bad_audio": "skip"}))]
        notes = tuple(reader.notes(params.root, params))
    except UserError as error:
        if not any(map(is_audio, corpus_files(params.root))):
            raise
        utterances, strays = _by_names(reader, params.root)
        if not utterances or not any(str(params.root / wav) in str(error) for wav in strays):
            raise
        notes = (f"the reader stops at the first unexpected file: {error}",)
    labels = [_label(utterance, {**reader.emotions, **params.emotions}) for utterance in utterances]
    both = [(utterance, label) for utterance, label in zip(utterances, labels, strict=True) if label is not None]
    strays += [utterance.wav for utterance, label in zip(utterances, labels, strict=True) if label is None]
    return _Held([utterance for utterance, _ in both], [label for _, label in both], strays, notes)


def _by_names(reader: CorpusReader, root: Path) -> tuple[list[Utterance], list[str]]:
    """The recordings of a folder by their names, and the audio files whose names tell none."""
    told = {wav: reader.named(wav) for wav in audio_files(root)}
    known = [utterance for utterance in told.values() if utterance is not None]
    expected = {key.casefold() for key in reader.expected(root)}
    utterances = [utterance for utterance in known if not expected or utterance.key.casefold() in expected]
    return utterances, [wav for wav, utterance in told.items() if utterance is None]


def _label(utterance: Utterance, table: dict[str, str]) -> str | None:
    """The canonical label; "" where there is none or a table that has the code was not read, None of a code of none."""
    try:
        if not utterance.raw_emotion:
            return majority(utterance.votes) if utterance.votes else ""
        return canonical(utterance.raw_emotion, table)
    except ValueError:
        return None


@dataclass(frozen=True)
class _Gaps:
    """What differs from what is expected: names and files, or how many, where no name is known."""

    expected: int
    missing: tuple[str, ...] = ()
    beyond: tuple[str, ...] = ()
    lacking: int = 0
    surplus: int = 0


def _gaps(reader: CorpusReader, root: Path, utterances: Sequence[Utterance], absent: Sequence[Utterance]) -> _Gaps:
    if absent:
        names = tuple(sorted(utterance.name for utterance in absent))
        return _Gaps(len(utterances) + len(names), names, lacking=len(names))
    present = {utterance.key.casefold(): utterance.wav for utterance in utterances}
    expected = {key.casefold(): key for key in reader.expected(root)}
    if expected:
        missing = sorted(key.partition("-")[2] for plain, key in expected.items() if plain not in present)
        beyond = [wav for plain, wav in present.items() if plain not in expected]
        there = len(present) - len(beyond)
        # What is missing can stand for more than one recording, as a word or a table that is not there.
        lacking = max(len(missing), reader.published.recordings - there) if missing else 0
        return _Gaps(there + lacking, tuple(missing), tuple(beyond), lacking)
    published = reader.published.recordings
    difference = len(present) - published if published else 0
    return _Gaps(published, lacking=max(0, -difference), surplus=max(0, difference))


def _is_document(name: str) -> bool:
    """Whether a file is no sound, no film, and nothing that Windows leaves."""
    return not is_audio(name) and not unread_suffix(name) and PurePosixPath(name).name.lower() not in LITTER


def _suffixes(names: Iterable[str]) -> dict[str, int]:
    """Suffix, or the name where there is none -> files."""
    files = map(PurePosixPath, names)
    return dict(sorted(Counter(file.suffix.lower() or file.name for file in files).items()))
