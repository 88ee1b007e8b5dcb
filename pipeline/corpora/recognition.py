"""Which reader knows a folder, and what it holds, by file names and tables; only files of one key are decoded."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.corpora import READERS, find_reader
from pipeline.corpora.base import (
    LISTS,
    CorpusParams,
    CorpusReader,
    Utterance,
    audio_files,
    corpus_files,
    is_audio,
)
from pipeline.corpora.emotions import EMOTIONS, canonical
from pipeline.corpora.hf_datasets import METADATA, check_unpacked
from pipeline.corpora.ratings import RatingColumns, label
from pipeline.corpora.same_key import one_of_each_key
from pipeline.corpora.table import columns
from pipeline.corpora.unread import left_out_line, unread_suffixes
from pipeline.errors import UserError
from pipeline.strict import validate

SPEAKER_PATTERN = "/([^/_-]+)[_-][^/]*$"
"""the file name up to its first _ or -"""

NUMBERS = RatingColumns()
"""columns of a table that say as much as one of emotions"""

HEADERS = {"audformat": ("db.yaml",), "hf_datasets": METADATA}
"""reader -> files that only its format has in the corpus folder"""

UNASKED = ("folder", "emobox")
"""readers that are tried last, or not at all: a list beside recordings may be of anything"""

SHOWN = 5
"""names in a message, at most"""


@dataclass(frozen=True)
class Recognition:
    """What a corpus folder holds, and the reader that knows it."""

    reader: str
    title: str
    recordings: int
    speakers: tuple[str, ...]
    """sorted; none when they are unknown"""
    sessions: tuple[str, ...]
    """sorted; none when they are unknown"""
    languages: tuple[str, ...]
    """ISO 639-1, sorted; none when they are unknown"""
    emotions: dict[str, int]
    """canonical label -> recordings, in the order of `EMOTIONS`"""
    anonymous: int = 0
    """recordings of unknown speakers"""
    parts: tuple[str, ...] = ()
    """the corpus's own, of train, validation and test, sorted, with "" where a recording is in none"""
    lone: Mapping[str, str] = field(default_factory=dict)
    """emotion of one speaker -> who that is"""
    untrained: tuple[str, ...] = ()
    """emotions that the corpus's own training part lacks, and its test part has"""
    dimensions: tuple[str, ...] = ()
    """what there are numbers on, as valence"""
    table: str = ""
    """the CSV that lists the recordings, where one does"""
    speaker_pattern: str = ""
    """a proposal, where file names seem to begin with the speaker"""
    notes: tuple[str, ...] = ()
    """what the user should look at, a sentence each"""

    @property
    def params(self) -> dict[str, str]:
        """The corpus's entry of params.yaml, without `root`."""
        entry = {"reader": self.reader, "table": self.table, "speaker_pattern": self.speaker_pattern}
        return {key: value for key, value in entry.items() if value}

    @property
    def targets(self) -> list[str]:
        """What an experiment can predict where there are no emotions: numbers."""
        return [] if self.emotions else [*self.dimensions]

    def describe(self) -> str:
        """What is there, on one line, and each note on another."""
        counts = [_count(self.recordings, "recording"), _count(len(self.speakers), "speaker")]
        counts += [_count(len(self.sessions), find_reader(self.reader).session_noun)] if self.sessions else []
        emotions = ", ".join(f"{emotion} {count}" for emotion, count in self.emotions.items())
        emotions = emotions or f"no emotions, but numbers on {' and '.join(self.targets)}"
        facts = [", ".join(counts), *([", ".join(self.languages)] if self.languages else []), emotions]
        return "\n".join([f"{self.title} (reader {self.reader}): {'; '.join(facts)}", *(f"  {n}" for n in self.notes)])


@dataclass(frozen=True)
class _Attempt:
    """What a reader made of a folder."""

    params: CorpusParams
    reader: CorpusReader
    utterances: list[Utterance]
    """as the reader has them, several of one key too"""
    emotions: list[str]
    """canonical label of each utterance"""
    error: str
    """why it stopped; "" when it knows the folder"""


def recognise(root: Path) -> Recognition:
    """Find the reader that knows a folder: one of a corpus, else one of `LISTS`, else the folder reader.

    Args:
        root: the corpus folder; `~` is the home folder.

    Raises:
        UserError: the folder is missing or has no audio, or it is packed; no reader knows it, or two corpora's or two
            of `LISTS` alone do. The message says what was looked for and what to do.
    """
    root = _params(root).root
    if not any(map(is_audio, every := corpus_files(root))):
        check_unpacked(root, every)
    files = audio_files(root)
    attempts = [_attempt(_params(root, name), files) for name in READERS if name not in UNASKED]
    knowing = [attempt for attempt in attempts if not attempt.error]
    lists = [attempt.reader.name for attempt in knowing if attempt.reader.name in LISTS]
    of_corpora = [attempt for attempt in knowing if attempt.reader.name not in LISTS]
    if len(of_corpora) == 1:
        return _recognition(of_corpora[0], files, map(_list_note, lists))
    if len(knowing) > 1:
        names = " and ".join(attempt.reader.name for attempt in knowing)
        raise UserError(f"{root}: the readers {names} both know this folder; name the right one in params.yaml")
    if knowing:
        return _recognition(knowing[0], files)
    return _own(root, files, attempts)


def _list_note(reader: str) -> str:
    return f"the reader {reader} knows this folder too; `reader: {reader}` takes recordings and labels from its tables"


def _params(root: Path, reader: str = "folder", **others: str) -> CorpusParams:
    return validate(CorpusParams, {"reader": reader, "root": root, **others})


def _attempt(params: CorpusParams, files: Sequence[str]) -> _Attempt:
    """Read a folder as far as the reader goes."""
    reader = find_reader(params.reader)
    utterances: list[Utterance] = []
    emotions: list[str] = []
    fault = ""
    try:
        _check_known(reader, params.root, files)
        for utterance in reader.read(params.root, params):
            emotions.append(_emotion(params.root, utterance, reader))
            utterances.append(utterance)
        fault = "" if utterances else f"{params.root}: has no recording that the {reader.name} reader takes"
    except (UserError, ValueError, OSError) as error:
        fault = str(error)
    return _Attempt(params, reader, utterances, emotions, fault)


def _check_known(reader: CorpusReader, root: Path, files: Sequence[str]) -> None:
    for wav in files:
        if not reader.knows(wav):
            raise UserError(f"{root / wav}: not a file of {reader.title}")


def _emotion(root: Path, utterance: Utterance, reader: CorpusReader) -> str:
    try:
        return label(utterance.raw_emotion, utterance.votes, utterance.dimensions, dict(reader.emotions))
    except ValueError as error:
        raise UserError(f"{root / utterance.wav}: {error}") from error


def _recognition(attempt: _Attempt, files: Sequence[str], notes: Iterable[str] = ()) -> Recognition:
    """What a reader that knows the folder found in it."""
    utterances = one_of_each_key(attempt.params.root, attempt.utterances).utterances
    label_of = dict(zip((utterance.key for utterance in attempt.utterances), attempt.emotions, strict=True))
    counts = Counter(label_of[utterance.key] for utterance in utterances)
    return Recognition(
        reader=attempt.reader.name,
        title=attempt.reader.title,
        recordings=len(utterances),
        speakers=_names(utterance.speaker for utterance in utterances),
        anonymous=sum(not utterance.speaker for utterance in utterances),
        parts=_parts(utterances),
        lone=_lone(utterances, label_of),
        untrained=_untrained(utterances, label_of),
        sessions=_names(utterance.session for utterance in utterances),
        languages=_names(utterance.language for utterance in utterances),
        emotions={emotion: counts[emotion] for emotion in EMOTIONS if counts[emotion]},
        dimensions=tuple(dict.fromkeys(name for utterance in utterances for name in utterance.dimensions)),
        table=attempt.params.table,
        speaker_pattern=attempt.params.speaker_pattern,
        notes=(
            *notes,
            *attempt.reader.notes(attempt.params.root, attempt.params),
            *_left_out(attempt, utterances, files),
        ),
    )


def _left_out(attempt: _Attempt, utterances: Sequence[Utterance], files: Sequence[str]) -> list[str]:
    """A note on audio files that are no recording of the corpus, and one on files that are not read, if there are."""
    left_out = set(files) - {utterance.wav for utterance in utterances}
    count, table = len(left_out), attempt.params.table
    why = (
        f"{table} does not list them, as {min(left_out, default='')}"
        if table
        else "second copies, or no utterances of speech"
    )
    unread = unread_suffixes(corpus_files(attempt.params.root))
    return [
        *([f"{count} of {len(files)} audio files are left out: {why}"] if count else []),
        *([left_out_line(unread)] if unread else []),
    ]


def _names(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({name for name in names if name}))


def _parts(utterances: Iterable[Utterance]) -> tuple[str, ...]:
    parts = {utterance.part for utterance in utterances}
    return tuple(sorted(parts)) if any(parts) else ()


def _lone(utterances: Iterable[Utterance], label_of: Mapping[str, str]) -> dict[str, str]:
    """Emotion -> its only speaker, of emotions that have one, and of whom it is known."""
    speakers: dict[str, set[str]] = defaultdict(set)
    for utterance in utterances:
        speakers[label_of[utterance.key]].add(utterance.speaker)
    only = {emotion: min(own) for emotion, own in speakers.items() if emotion and len(own) == 1}
    return {emotion: only[emotion] for emotion in EMOTIONS if only.get(emotion)}


def _untrained(utterances: Iterable[Utterance], label_of: Mapping[str, str]) -> tuple[str, ...]:
    emotions: dict[str, set[str]] = defaultdict(set)
    for utterance in utterances:
        emotions[utterance.part].add(label_of[utterance.key])
    return tuple(emotion for emotion in EMOTIONS if emotion in emotions["test"] - emotions["train"])


def _own(root: Path, files: Sequence[str], attempts: Sequence[_Attempt]) -> Recognition:
    """Recognise the user's own recordings: emotion folders, else one table.

    Args:
        root: the corpus folder.
        files: its audio files, relative to it.
        attempts: of the readers of corpora, for the error.
    """
    tables = _tables(root)
    if not _loose(files) and not _strange_folders(files):
        return _by_folders(root, files, tables)
    if len(tables) == 1:
        attempt = _attempt(_params(root, table=tables[0]), files)
        if attempt.error:
            raise UserError(attempt.error)
        return _recognition(attempt, files)
    nearest = max(attempts, key=lambda attempt: _known(attempt, files))
    if known := _known(nearest, files):
        raise UserError(_stopped(root, files, nearest, known))
    for attempt in attempts:
        if any((root / name).is_file() for name in HEADERS.get(attempt.reader.name, ())):
            raise UserError(attempt.error)
    raise UserError(_unknown(root, files, tables))


def _stopped(root: Path, files: Sequence[str], nearest: _Attempt, known: int) -> str:
    """What kept the reader of most files from the folder: one of the files, or what lies beside them."""
    title = nearest.reader.title
    if not any(str(root / wav) in nearest.error for wav in files):
        return f"{nearest.error}; {known} files are of {title}"
    return (
        f"{nearest.error}; {known} other files are of {title}: mend or move this one, give a folder with one corpus, "
        "or use the `folder` reader with a `table`"
    )


def _known(attempt: _Attempt, files: Sequence[str]) -> int:
    """How many files are of a reader's corpus: those read before one stopped it, or by their names, if most are."""
    others = [wav for wav in files if str(attempt.params.root / wav) not in attempt.error]
    named = sum(attempt.reader.named(wav) is not None for wav in others)
    return max(len(attempt.utterances), named if 2 * named > len(files) else 0)


def _by_folders(root: Path, files: Sequence[str], tables: Sequence[str]) -> Recognition:
    speakers = _speakers(files)
    pattern = SPEAKER_PATTERN if speakers else ""
    notes = [f"{table} lists recordings too; `table: {table}` takes them from there" for table in tables]
    attempt = _attempt(_params(root, speaker_pattern=pattern), files)
    if attempt.error:
        raise UserError(attempt.error)
    if speakers:
        notes.append(
            f"speakers are taken from file names, up to the first _ or -: {_shown(speakers)}; "
            "if these are no speakers, take `speaker_pattern` out"
        )
    return _recognition(attempt, files, notes)


def _loose(files: Sequence[str]) -> int:
    """How many files lie in no folder."""
    return sum("/" not in wav for wav in files)


def _strange_folders(files: Sequence[str]) -> list[str]:
    """The first folders of the files that are named by no emotion, sorted."""
    folders = {wav.partition("/")[0] for wav in files if "/" in wav}
    return sorted(folder for folder in folders if not _is_emotion(folder))


def _is_emotion(name: str) -> bool:
    try:
        return bool(canonical(name, {}))
    except ValueError:
        return False


def _speakers(files: Sequence[str]) -> list[str]:
    """What every file name begins with, if that looks like speakers: several, each in at least two emotions."""
    emotions: dict[str, Counter[str]] = defaultdict(Counter)
    for wav in files:
        match = re.search(SPEAKER_PATTERN, wav)
        if not match:
            return []
        emotions[match[1]][canonical(wav.partition("/")[0], {})] += 1
    if len(emotions) < 2 or any(len(counts) < 2 or _is_number(token, counts) for token, counts in emotions.items()):
        return []
    return sorted(emotions)


def _is_number(token: str, counts: Counter[str]) -> bool:
    """Whether a token seems to number an emotion's recordings: 01_x, 02_x, ... in each of them."""
    return token.isdigit() and max(counts.values()) == 1


def _tables(root: Path) -> list[str]:
    """Names of the CSV files with the columns `path` and `emotion`, or numbers or votes in the place of the latter."""
    return [name for name, own in _headers(root).items() if "path" in own and any(map(_says_emotion, own))]


def _says_emotion(column: str) -> bool:
    return column == "emotion" or column in NUMBERS


def _headers(root: Path) -> dict[str, list[str]]:
    """CSV file of a folder -> its columns."""
    paths = sorted(path for path in root.iterdir() if path.suffix.lower() == ".csv" and path.is_file())
    return {path.name: columns(path) for path in paths}


def _unknown(root: Path, files: Sequence[str], tables: Sequence[str]) -> str:
    """Say what was looked for in a folder that no reader knows, and what to do."""
    corpora = ", ".join(name for name in READERS if name not in ("folder", "demo", *LISTS))
    folders, loose = _strange_folders(files), _loose(files)
    faults = [f"{_shown(folders)} {'is none' if len(folders) == 1 else 'are none'}"] if folders else []
    faults += [f"{loose} of {len(files)} audio files lie in none"] if loose else []
    example = folders[0] if folders else "NAME"
    there = f"there are {_shown(tables)}" if tables else f"there is none{_others(root)}"
    return (
        f"{root}: no reader knows this folder. Looked for file names of {corpora}; for subfolders named by emotions "
        f"({', '.join(EMOTIONS)}), but {' and '.join(faults)}; for one CSV file with the columns path and emotion "
        f"(or numbers: {', '.join(NUMBERS.dimensions)}), but {there}. Rename the subfolders, or take the `folder` "
        f"reader with `emotions: {{{example}: LABEL}}` (and with `speaker_pattern` where file names hold the "
        "speaker) or with a CSV file as its `table`"
    )


def _others(root: Path) -> str:
    """The first CSV file that has other columns, with what tells what they are; "" where there is none."""
    for name, own in _headers(root).items():
        if any(own):
            cure = "`columns: {path: NAME, emotion: NAME}` and `dimensions: [NAME]` say what is what"
            return f" ({name} has {_shown(own)}: {cure})"
    return ""


def _count(number: int, noun: str) -> str:
    """`1 speaker`, `12 speakers`, `speakers unknown`."""
    return f"{number} {noun}{'' if number == 1 else 's'}" if number else f"{noun}s unknown"


def _shown(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
