"""What a corpus reader is: from a corpus folder to one `Utterance` per recording."""

import os
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from pipeline.audio.segments import Segment, segment_title
from pipeline.audio.suffixes import AUDIO_SUFFIXES
from pipeline.corpora.emotions import EMOTIONS
from pipeline.corpora.ratings import DIMENSIONS, name_problem
from pipeline.corpora.speaker_pattern import pattern_problem
from pipeline.corpora.unread import left_out_line, unread_suffixes
from pipeline.errors import UserError, nearest
from pipeline.strict import Strict

DuplicatesPolicy = Literal["fail", "keep_first", "drop"]
SURROGATE = re.compile("[\udc80-\udcff]")
"""what a file name's bytes become that are not UTF-8"""
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
"""a line break, or what a terminal takes for an order"""


COLUMNS = ("path", "emotion", "speaker", "gender", "language", "text", "session", "part", "start", "end")
"""of a table of recordings"""

TAKERS = {
    "table": ("folder", "audformat", "emobox"),
    "columns": ("folder", "audformat", "hf_datasets"),
    "encoding": ("folder",),
    "speaker_pattern": ("folder",),
    "dimensions": ("folder", "audformat", "hf_datasets", "emobox"),
}
"""params -> the readers that take them"""

LISTS = ("audformat", "emobox", "hf_datasets")
"""readers of folders whose own tables say which files are recordings"""


@dataclass(frozen=True)
class Utterance:
    """What a corpus says of one recording; "" where it says nothing."""

    wav: str
    """path relative to the corpus root, with forward slashes"""
    key: str
    """unique in the corpus"""
    raw_emotion: str
    """emotion code as the corpus has it"""
    speaker: str = ""
    gender: str = ""
    language: str = ""
    text: str = ""
    session: str = ""
    part: str = ""
    """of the corpus's own split: train, validation or test"""
    start: float | None = None
    """where the recording begins in the file (s); None where the file is the recording"""
    end: float | None = None
    """where it ends; None where it does with the file"""
    dimensions: Mapping[str, float] = field(default_factory=dict, hash=False)
    """name -> number, as valence -> 3.5, on the corpus's own scale; empty where it has none"""
    votes: Mapping[str, float] = field(default_factory=dict, hash=False)
    """canonical label -> share of the raters who chose it, which sum to 1; empty where it has none"""
    where: str = field(default="", compare=False)
    """file and line that say so, for messages; "" where file names do"""
    absent: str = field(default="", compare=False)
    """why the file is not there, though a list names it, where `on_bad_audio` is skip; "" where it is"""

    def source(self, root: Path) -> Segment:
        """The file below the corpus root, or its part."""
        return Segment(root / self.wav, self.start or 0.0, self.end, self.where)

    @property
    def name(self) -> str:
        """What to call the recording in a message."""
        return segment_title(self.wav, self.start, self.end)


@dataclass(frozen=True)
class Published:
    """How much a corpus holds, as its authors say; 0 or empty where they do not, or where releases differ."""

    recordings: int = 0
    speakers: int = 0
    labels: Mapping[str, int] = field(default_factory=dict)
    """canonical label -> recordings"""
    speaker_names: tuple[str, ...] = ()
    """as `Utterance.speaker` has them, where all are known"""


class CorpusParams(Strict):
    """One entry of `corpora` in params.yaml."""

    reader: str = Field(description="which reader knows the corpus's layout: folder, or one of a corpus")
    root: Path = Field(strict=False, description="the corpus folder; ~ is the home folder")
    language: str = Field("", description="language of recordings whose reader cannot tell (ISO 639-1)")
    emotions: dict[str, str] = Field({}, description="emotion code -> canonical label, before the reader's own table")
    keep: list[str] = Field([], description="canonical labels to keep, without recordings of others; [] for all")
    duplicates: DuplicatesPolicy = Field(
        "fail", description="one recording under two speakers or labels: an error, keep the first by key, or drop all"
    )
    table: str = Field(
        "", description="CSV file in root with columns path, emotion[, speaker, ...]; of other formats, which table"
    )
    columns: dict[str, str] = Field({}, description="column as it is called here -> as the table calls it")
    encoding: str = Field("", description="folder reader: encoding of the table where it is no Unicode, as cp1251")
    speaker_pattern: str = Field("", description="folder reader: regular expression whose first group is the speaker")
    dimensions: list[str] = Field(
        [], description="columns of the table that hold numbers, beside valence, arousal and dominance"
    )
    on_bad_audio: Literal["fail", "skip"] = Field(
        "fail", description="recordings that cannot be used: an error that names them all, or left out and reported"
    )

    @property
    def skips(self) -> bool:
        """Whether recordings that cannot be used are left out."""
        return self.on_bad_audio == "skip"

    @field_validator("root")
    @classmethod
    def _home(cls, root: Path) -> Path:
        try:
            return root.expanduser()
        except RuntimeError as error:
            raise ValueError(f"{root.parts[0]!r} is no user's home folder") from error

    @field_validator("emotions")
    @classmethod
    def _canonical(cls, emotions: dict[str, str]) -> dict[str, str]:
        for code, label in emotions.items():
            if label not in EMOTIONS:
                raise ValueError(
                    f"{code!r} maps to {label!r}{nearest(label, EMOTIONS)}; labels are {', '.join(EMOTIONS)}"
                )
        return emotions

    @field_validator("keep")
    @classmethod
    def _labels(cls, keep: list[str]) -> list[str]:
        for label in keep:
            if label not in EMOTIONS:
                raise ValueError(f"{label!r} is no label{nearest(label, EMOTIONS)}; labels are {', '.join(EMOTIONS)}")
        return keep

    @field_validator("speaker_pattern")
    @classmethod
    def _pattern(cls, pattern: str) -> str:
        if problem := pattern_problem(pattern):
            raise ValueError(problem)
        return pattern

    @field_validator("encoding")
    @classmethod
    def _text_encoding(cls, encoding: str, info: ValidationInfo) -> str:
        try:
            " ".encode(encoding or "utf-8")
        except (LookupError, ValueError) as error:
            raise ValueError(f"{encoding!r} is no encoding of text; as cp1252, cp1251, gb18030 or shift_jis") from error
        if encoding and info.data.get("table") == "":
            raise ValueError("is of a table, and none is given; leave it out")
        return encoding

    @field_validator("columns")
    @classmethod
    def _known_columns(cls, columns: dict[str, str]) -> dict[str, str]:
        for name in columns:
            if name not in (known := (*COLUMNS, *DIMENSIONS)):
                raise ValueError(f"{name!r} is no column{nearest(name, known)}; columns are {', '.join(known)}")
        return columns

    @field_validator("dimensions")
    @classmethod
    def _dimension_names(cls, names: list[str], info: ValidationInfo) -> list[str]:
        if names and info.data.get("reader") == "folder" and info.data.get("table") == "":
            raise ValueError("are columns of a table, and none is given; leave them out")
        for name in names:
            if problem := name_problem(name, (*COLUMNS, *DIMENSIONS)):
                raise ValueError(problem)
        return names

    @field_validator(*TAKERS)
    @classmethod
    def _of_reader(cls, value: Any, info: ValidationInfo) -> Any:
        from pipeline.corpora import READERS

        reader, takers = info.data.get("reader"), TAKERS[info.field_name or ""]
        if value and reader in READERS and reader not in takers:  # a misspelt reader is a mistake of its own
            others = f" ({' and '.join(takers[1:])} take it too)" if takers[1:] else ""
            raise ValueError(f"is for the {takers[0]} reader, and the reader is {reader}; leave it out{others}")
        return value


class CorpusReader(ABC):
    """Reads a corpus as it is unpacked.

    A reader is a class in a module of this folder, with a literal `name` by which it is found; nothing else lists it.
    """

    name: ClassVar[str]
    """what `reader` in params.yaml calls it"""
    title: ClassVar[str]
    """what people call the corpus"""
    licence: ClassVar[str]
    """terms of use, in a few words; the corpus's own text is what holds"""
    source: ClassVar[str]
    """where to get it: an address or a DOI"""
    citation: ClassVar[str] = ""
    """what to cite: authors, year, title, where it appeared"""
    gated: ClassVar[bool] = False
    """whether one must register or sign for it"""
    languages: ClassVar[tuple[str, ...]] = ()
    """ISO 639-1"""
    published: ClassVar[Published] = Published()
    """how much of it there is"""
    remark: ClassVar[str] = ""
    """what is known to be amiss in the release, or to differ between its copies"""
    shareable: ClassVar[bool] = False
    """whether its terms let a few recordings be passed on, cut and encoded anew, as a report does that plays them"""
    dimensions: ClassVar[tuple[str, ...]] = ()
    """names of the numbers that recordings may have beside an emotion, as valence; a table may have others"""
    session_noun: ClassVar[str] = "session"
    """what its recordings' `session` is, in words"""
    emotions: ClassVar[Mapping[str, str]]
    """emotion code of the corpus -> canonical label; common spellings need no entry"""

    @abstractmethod
    def read(self, root: Path, params: CorpusParams) -> Iterator[Utterance]:
        """Yield the recordings below `root`, sorted by path, without decoding them.

        Raises:
            UserError: there is no audio, or a file is not one of this corpus; the message names it.
        """

    def notes(self, root: Path, params: CorpusParams) -> list[str]:
        """What the user should know of how the corpus was read, a line each."""
        return []

    def expected(self, root: Path) -> Collection[str]:
        """Keys of all recordings of the whole corpus, by its naming rule or its tables; none where neither tells.

        Raises:
            UserError: a table is missing or damaged.
        """
        return ()

    def named(self, wav: str) -> Utterance | None:
        """What a file's name alone says of it, for lists of others; None where it says nothing, or is no such name.

        Args:
            wav: path of the file, with forward slashes; the file need not be there.
        """
        return None

    def knows(self, wav: str) -> bool:
        """Whether a file may be this corpus's, for recognition; to be said only where `read` passes over others.

        Args:
            wav: path relative to the corpus root, with forward slashes.
        """
        return True


def audio_files(root: Path) -> list[str]:
    """List the audio files below `root`, as sorted relative paths with forward slashes.

    Raises:
        UserError: `root` is missing, is no folder, or holds no audio file or a link to a folder that the link is in.
    """
    every = corpus_files(root)
    audio = [name for name in every if is_audio(name)]
    if not audio:
        unread = unread_suffixes(every)
        why = f"; {left_out_line(unread)}" if unread else ""
        raise UserError(f"folder {str(root)!r} has no audio file ({', '.join(AUDIO_SUFFIXES)}){why}")
    for name in audio:
        if SURROGATE.search(name):
            raise UserError(f"{str(root)!r}: the file name {name!r} is not UTF-8; rename it")
        if CONTROL.search(name):
            raise UserError(f"{str(root)!r}: the file name {name!r} has a control character; rename it")
    return audio


def is_audio(name: str) -> bool:
    """Whether a file is read as audio, by its suffix."""
    return name.lower().endswith(AUDIO_SUFFIXES)


def corpus_files(root: Path) -> list[str]:
    """List the files below `root` that are not hidden, as sorted relative paths with forward slashes.

    Raises:
        UserError: `root` is missing, is no folder, or holds a link to a folder that the link is in.
    """
    if not root.is_dir():
        raise UserError(f"corpus folder {str(root)!r} {'is not a folder' if root.exists() else 'does not exist'}")
    return sorted(name for folder in _folders(root) for name in _files_in(folder, root))


def _folders(root: Path) -> Iterator[Path]:
    """A folder and those below it, each real one once: by its own name, else by the first link to it.

    Raises:
        UserError: there is a link to a folder that the link is in.
    """
    ahead: list[Path] = [root]
    links: list[Path] = []
    seen: set[tuple[int, int]] = set()
    while ahead or links:
        if not ahead:
            ahead.append(heappop(links))
            _check_leads_elsewhere(ahead[0], root)
        folder = ahead.pop()
        identity = (folder.stat().st_dev, folder.stat().st_ino)
        if identity in seen:
            continue
        seen.add(identity)
        yield folder
        for entry in os.scandir(folder):
            if entry.name.startswith(".") or not _leads_to(entry.is_dir):
                continue
            if entry.is_symlink():
                heappush(links, folder / entry.name)
            else:
                ahead.append(folder / entry.name)


def _leads_to(test: Callable[[], bool]) -> bool:
    """Whether a test of a folder's entry holds; not of a link to itself."""
    try:
        return test()
    except OSError:
        return False


def _check_leads_elsewhere(link: Path, root: Path) -> None:
    """Refuse a link to a folder that holds it, by the way from the root or by its own place."""
    real = link.resolve()
    above = [folder.resolve() for folder in (link.parent, *link.parent.parents) if folder.is_relative_to(root)]
    if any(folder.is_relative_to(real) for folder in above):
        raise UserError(f"{link}: is a link to {real}, a folder that holds the link; remove the link")


def _files_in(folder: Path, root: Path) -> Iterator[str]:
    """Relative paths of the files in a folder, of links to no file too.

    Raises:
        UserError: an audio file is a pipe or a device, which reading might wait for without end.
    """
    inside = folder.relative_to(root)
    prefix = f"{inside.as_posix()}/" if inside.parts else ""
    for entry in os.scandir(folder):
        if entry.name.startswith(".") or _leads_to(entry.is_dir):
            continue
        if is_audio(entry.name) and not _leads_to(entry.is_file) and os.path.exists(entry.path):  # noqa: PTH110 (the name may be no text)
            raise UserError(f"{entry.path}: is no regular file, so not a recording; remove it")
        yield prefix + entry.name


def named_files(root: Path, rule: re.Pattern[str], expected: str) -> Iterator[tuple[str, re.Match[str]]]:
    """Yield each audio file below `root`, as `audio_files` lists it, and its name without suffix matched with a rule.

    Raises:
        UserError: a name does not follow the rule; the message says what was `expected`.
    """
    for wav in audio_files(root):
        match = rule.fullmatch(PurePosixPath(wav).stem)
        if not match:
            raise UserError(f"{root / wav}: not {expected}")
        yield wav, match
