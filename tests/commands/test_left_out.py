"""What of a corpus folder is not taken: it fails, or it is said, counted and listed; through the stages."""

import json

import numpy as np
import pytest
import soundfile
from conftest import tone
from in_process import failing_stage, ser, stage

from pipeline import paths
from pipeline.audio.bad_recordings import SHOWN
from pipeline.corpora import manifest
from pipeline.corpora.left_out import bad_audio_count
from pipeline.errors import UserError

SKIP = ("root: recordings", "root: recordings, on_bad_audio: skip")
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


def report():
    return json.loads(paths.corpus_report("mine").read_text(encoding="utf-8"))


def cut_short(path):
    soundfile.write(path, tone(0.5), 16000)
    path.write_bytes(path.read_bytes()[:2000])


def no_numbers(path):
    soundfile.write(path, np.full(16000, np.nan), 16000, subtype="FLOAT")


def too_loud(path):
    soundfile.write(path, 100 * tone(0.5), 16000, subtype="FLOAT")


def too_short(path):
    soundfile.write(path, np.array([0.1]), 192000)


BAD = {
    "is empty": lambda path: path.write_bytes(b""),
    "cannot be read as audio": lambda path: path.write_bytes(b"no sound " * 100),
    "is cut short": cut_short,
    "holds samples that are no numbers": no_numbers,
    "holds samples up to": too_loud,
    "is too short": too_short,
    "holds no audio samples": lambda path: soundfile.write(path, np.zeros(0), 16000),
    "is a Git LFS pointer": lambda path: path.write_bytes(POINTER),
}
"""what is said -> how such a recording is made"""


def spoil(project):
    """Make as many recordings unusable as there are ways; what is said of each, by its path."""
    for path, make in zip(project.recordings, BAD.values(), strict=False):
        make(path)
    return {
        f"recordings/{path.relative_to(project.folder / 'recordings')}": says
        for path, says in zip(project.recordings, BAD, strict=False)
    }


# Bad audio


@pytest.mark.parametrize("says", BAD)
def test_one_bad_recording_is_one_line(project, says):
    BAD[says](project.recordings[4])
    line = failing_stage(project, "manifest", "mine")
    assert line.startswith(f"recordings/happy/ben_1.wav: {says}")
    assert line.endswith(", or leave it out: corpora.mine.on_bad_audio: skip")


def test_all_bad_recordings_are_in_one_error(project):
    said = spoil(project)
    before = project.files()
    done = stage("manifest", "mine")
    assert (done.exit_code, done.stdout, project.files()) == (1, "", before)
    *lines, last = [line.removeprefix("error: ") for line in done.stderr.splitlines()]
    assert len(lines) == len(BAD)
    for line, (path, words) in zip(lines, said.items(), strict=True):
        assert line.startswith(f"{path}: {words}")
    assert last == (
        "8 recordings cannot be used; mend or remove the files, or leave them out: corpora.mine.on_bad_audio: skip"
    )


def test_of_many_bad_recordings_the_first_are_named(project):
    for number in range(SHOWN + 5):
        (project.folder / f"recordings/sad/dora_{number}.wav").write_bytes(b"")
    lines = stage("manifest", "mine").stderr.splitlines()
    assert len(lines) == SHOWN + 1
    assert "25 recordings cannot be used, of which 20 are named above; mend" in lines[-1]


def test_bad_recordings_are_left_out_listed_and_counted(project):
    project.edit(*SKIP)
    said = spoil(project)
    done = stage("manifest", "mine")
    assert done.exit_code == 0
    assert done.stdout.startswith("mine: 1 utterance, 1 speaker, ")
    assert "warning: mine: left out: 8 files that cannot be used, as `on_bad_audio` says\n" in done.stderr
    bad = report()["left_out"]["bad_audio"]
    assert bad["count"] == len(BAD)
    for (path, why), (expected, words) in zip(bad["recordings"].items(), said.items(), strict=True):
        assert f"recordings/{path}" == expected
        assert why.startswith(words)
        assert str(project.folder) not in why


def test_the_audio_stage_takes_what_the_manifest_has(project):
    project.edit(*SKIP)
    for path, make in zip(project.recordings[:-2], BAD.values(), strict=False):
        make(path)
    assert stage("manifest", "mine").exit_code == 0
    assert stage("audio", "mine", "16k", "48k").stdout == "mine: 2 utterances at 16 kHz and 48 kHz\n"


def test_nothing_left_is_an_error(project):
    project.edit(*SKIP)
    for path in project.recordings:
        path.write_bytes(b"")
    before = project.files()
    done = stage("manifest", "mine")
    assert done.exit_code == 1
    assert done.stderr.splitlines()[-1] == "error: 9 recordings cannot be used; mend or remove the files"
    assert project.files() == before


def test_what_cannot_be_used_since_the_manifest_was_made_is_named_by_the_audio_stage(project):
    assert stage("manifest", "mine").exit_code == 0
    said = spoil(project)
    lines = stage("audio", "mine", "16k").stderr.splitlines()
    assert [line.split(": ")[1] for line in lines[:-1]] == [*said]
    assert not (project.folder / "data/audio/mine/16k.h5").exists()


def test_a_policy_that_is_none(project):
    project.edit("root: recordings", "root: recordings, on_bad_audio: ignore")
    assert "corpora.mine.on_bad_audio: " in failing_stage(project, "manifest", "mine", code=2)


def test_the_summary_depends_on_what_was_left_out(project):
    assert ser("graph").exit_code == 0
    before = (project.folder / "dvc.yaml").read_text()
    assert "metrics/corpora/mine.json" not in before.partition("  evaluate:")[2].partition("  report:")[0]
    project.edit(*SKIP)
    assert ser("graph").exit_code == 0
    assert (
        "metrics/corpora/mine.json"
        in (project.folder / "dvc.yaml").read_text().partition("  evaluate:")[2].partition("  report:")[0]
    )


# Files that are not read


def test_files_that_are_not_read_are_counted_and_said(project):
    for name in ("x.m4a", "y.M4A", "z.wma", "notes.txt", "paper.pdf", "list.csv", ".hidden.m4a", "sad/Makefile"):
        (project.folder / "recordings" / name).write_bytes(b"")
    done = stage("manifest", "mine")
    assert done.exit_code == 0
    line = "warning: mine: left out: 2 .m4a, 1 .wma, not read; convert what are recordings, as with ffmpeg"
    assert line in done.stderr.splitlines()
    assert report()["left_out"] == {"unread": {".m4a": 2, ".wma": 1}}


def test_a_folder_with_nothing_but_such_files(project):
    for path in project.recordings:
        path.rename(path.with_suffix(".m4a"))
    line = failing_stage(project, "manifest", "mine")
    assert line.startswith("folder 'recordings' has no audio file (.wav, ")
    assert line.endswith("; left out: 9 .m4a, not read; convert what are recordings, as with ffmpeg")
    project.params.unlink()
    assert "left out: 9 .m4a, not read" in ser("init", "--corpus", "mine=recordings").stderr


def test_a_report_of_a_corpus_without_remarks_is_as_before(project):
    stage("manifest", "mine")
    assert [*report()] == ["utterances", "speakers", "seconds", "by_emotion", "by_speaker", "duplicates", "outliers"]


# Copies


def test_a_corpus_held_twice_is_said(project):
    params = "{reader: folder, root: recordings, speaker_pattern: '/([a-z]+)_'}"
    project.edit(params, "{reader: savee, root: recordings}")
    for folder in ("recordings", "recordings/savee"):
        for name, pitch in (("DC/sa03", 440), ("JE/a01", 300)):
            path = project.folder / folder / f"{name}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, tone(0.4, pitch), 16000)
    for path in project.recordings:
        path.unlink()
    done = stage("manifest", "mine")
    assert "warning: mine: left out: 2 files equal to one that is taken, under the same name\n" in done.stderr
    assert report()["left_out"] == {"copies": 2}
    assert [row.wav for row in manifest.read(project.folder / "data/manifests/mine.jsonl")] == [
        "DC/sa03.wav",
        "JE/a01.wav",
    ]


@pytest.mark.parametrize("text", ["", "[]", '{"left_out": []}', '{"left_out": {"bad_audio": {"count": "x"}}}'])
def test_a_report_that_is_none_is_one_line(project, text):
    path = project.folder / "report.json"
    with pytest.raises(UserError, match="is no report of a corpus"):
        bad_audio_count(path)
    path.write_text(text)
    with pytest.raises(UserError, match=r"report\.json: is no report of a corpus; `dvc repro` makes it"):
        bad_audio_count(path)


def test_what_a_report_counts(project):
    project.edit(*SKIP)
    spoil(project)
    assert stage("manifest", "mine").exit_code == 0
    assert bad_audio_count(paths.corpus_report("mine")) == len(BAD)
