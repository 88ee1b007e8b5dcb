"""Files that a killed DVC left half-written: `ser graph` and `ser init` mend them, and say so."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from dvc.schema import COMPILED_LOCKFILE_SCHEMA
from kills import ONE_FEATURE, ONE_SYSTEM, killed_repros, small_project
from projects import ran, sh
from projects import ser as ser_of
from voluptuous import Invalid

from pipeline.cli import main
from pipeline.graph import dvc_lock, dvc_state

LOCK = """\
schema: '2.0'
stages:
  one:
    cmd: python -m stages.code
    deps:
    - path: stages
      hash: md5
      md5: 0123456789abcdef0123456789abcdef.dir
      size: 1234
      nfiles: 5
    params:
      params.yaml:
        seed: 0
    outs:
    - path: data/one
      hash: md5
      md5: 0123456789abcdef0123456789abcdef
      size: 12
  two:
    cmd: echo two
    outs:
    - path: two
      hash: md5
      md5: 0123456789abcdef0123456789abcdef
      size: 3
"""
ONE = LOCK[: LOCK.index("  two:")]


def ser(*arguments):
    return CliRunner().invoke(main, arguments)


@pytest.fixture
def rwlock(project):
    path = project.folder / ".dvc" / "tmp" / "rwlock"
    path.parent.mkdir(parents=True)
    assert ser("graph").exit_code == 0
    return path


@pytest.mark.parametrize("text", ["", '{"write": {"/a', "\0\0\0"])
def test_an_empty_or_half_written_rwlock_is_removed(rwlock, text):
    rwlock.write_text(text)
    result = ser("graph", "--check")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"{Path('.dvc/tmp/rwlock')} was half-written by a DVC that was killed; run `ser graph`, " \
        "which mends it\n"  # fmt: skip
    assert rwlock.read_text() == text
    assert "removed  .dvc/tmp/rwlock, half-written by a DVC that was killed\n" in ser("graph").stdout
    assert not rwlock.exists()
    assert ser("graph", "--check").exit_code == 0


def test_a_whole_rwlock_stays(rwlock):
    rwlock.write_text('{"read": {"/a": [{"pid": 1, "cmd": "dvc repro"}]}}')
    assert "rwlock" not in ser("graph").stdout
    assert rwlock.exists()


def test_the_daemon_that_dvc_leaves_behind_is_not_waited_for(rwlock):
    rwlock.write_text("")
    (rwlock.parent / "dvc").write_text("import sys; print('up', flush=True); sys.stdin.read()")
    process = subprocess.Popen(
        [sys.executable, str(rwlock.parent / "dvc"), "daemon", "analytics"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "up\n"
    assert ser("graph").exit_code == 0
    assert not rwlock.exists()
    process.communicate("")


def test_while_dvc_runs_in_the_project_nothing_is_mended(rwlock):
    rwlock.write_text("")
    code = "import sys; print('up', flush=True); sys.stdin.read()"
    (rwlock.parent / "dvc").write_text(code)
    process = subprocess.Popen(
        [sys.executable, str(rwlock.parent / "dvc")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "up\n"
    result = ser("graph")
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"is half-written, and DVC runs here (process {process.pid}); run again when it has ended" in result.stderr
    assert rwlock.exists()
    process.communicate("")
    assert ser("graph").exit_code == 0
    assert not rwlock.exists()


def test_dvc_lock_cut_anywhere_keeps_its_whole_stages():
    assert dvc_lock.whole_stages(LOCK.encode()) == LOCK
    for end in range(len(LOCK)):
        data = LOCK[:end].encode()
        assert dvc_lock.is_cut(data) != dvc_lock.is_whole(data)
        rest = dvc_lock.whole_stages(data)
        assert rest == "" or (dvc_reads(rest) and LOCK.startswith(rest))
        assert dvc_reads(data) or dvc_lock.is_cut(data)
    assert dvc_lock.whole_stages(LOCK[: LOCK.index("cmd: echo")].encode()) == ONE


def dvc_reads(text):
    """Whether DVC takes a dvc.lock, by its own schema."""
    try:
        return bool(COMPILED_LOCKFILE_SCHEMA(yaml.safe_load(text)))
    except (yaml.YAMLError, Invalid):
        return False


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("    deps:", "\tdeps:"),
        ("- path: stages", "- path:stages"),
        ("schema: '2.0'", "schema: '2.0"),
        ("schema: '2.0'\n", ""),
        ("  one:\n", "  one\n"),
        ("md5: 0123456789abcdef0123456789abcdef.dir", "md5: 0123"),
    ],
)
def test_a_dvc_lock_that_no_kill_cut_is_left_alone(project, before, after):
    assert ser("graph").exit_code == 0
    users = LOCK.replace("python -m stages.code", "echo one")  # as what no stage makes any more is taken out
    Path("dvc.lock").write_text(text := users.replace(before, after, 1))
    ser("graph")
    assert dvc_state.broken() == []
    assert Path("dvc.lock").read_text() == text


def test_an_empty_dvc_lock_is_removed(project):
    assert ser("graph").exit_code == 0
    Path("dvc.lock").write_text("")
    assert ser("graph", "--check").exit_code == 1
    assert "removed  dvc.lock, half-written by a DVC that was killed\n" in ser("graph").stdout
    assert not Path("dvc.lock").exists()
    assert dvc_state.broken() == []


@pytest.mark.slow
def test_dvc_goes_on_after_both_were_left_half_written(tmp_path):
    """DVC itself refuses to run until they are mended; then nothing is trained again."""
    project = small_project(tmp_path, ONE_SYSTEM)
    sh(project, "dvc", "repro")
    lock = (project / "dvc.lock").read_text()
    (project / "dvc.lock").write_text("")
    (project / ".dvc/tmp/rwlock").write_text("")
    sh(project, "dvc", "repro", ok=False)
    assert "dvc.lock, half-written" in ser_of(project, "graph")
    assert "train-one" not in ran(sh(project, "dvc", "repro"))
    assert (project / "dvc.lock").read_text() == lock


@pytest.mark.slow
def test_killed_runs_of_dvc_end_with_the_bytes_of_one_never_killed(tmp_path):
    counts = killed_repros(tmp_path, 3, params=ONE_FEATURE)
    assert counts["kills"] == 3
