"""Extraction that fills the disk, or whose output is a link to DVC's cache, through the commands themselves."""

import hashlib
import os
import subprocess
import sys

import pytest
from recorded import TESTS, record, ser
from twenty_utterances import TWENTY, pcm, runner

from pipeline.errors import UserError
from pipeline.extraction import computation
from pipeline.extraction.extraction import Summary
from pipeline.storage.feature_file import FeatureFile

pytestmark = pytest.mark.slow

posix = pytest.mark.skipif(os.name != "posix", reason="signals and file-size limits are POSIX's")


@pytest.fixture
def run(tmp_path):
    return runner(tmp_path)


@posix
@pytest.mark.parametrize("share", [0.01, 0.2, 0.9])
def test_a_full_disk_is_one_line_and_the_next_run_goes_on(tmp_path, share):
    """A file-size limit, below the index of the audio, below the audio, below the features."""
    recordings = record(tmp_path / "recordings", 30)
    straight, out = tmp_path / "straight.h5", tmp_path / "out.h5"
    assert ser("extract", "toy", recordings, "--out", straight)[0] == 0
    code, _, err = ser("extract", "toy", recordings, "--out", out, limit=int(share * straight.stat().st_size))
    assert code == 1
    assert err.count("\n") == 1
    assert err.startswith(f"error: {out}")
    assert "file too large; make room and run again, to go on" in err
    assert not out.exists()
    assert not list(tmp_path.glob(".*"))
    code, said, _ = ser("extract", "toy", recordings, "--out", out)
    assert code == 0
    assert ("before the run was interrupted)" in said) == (share > 0.5)
    assert out.read_bytes() == straight.read_bytes()


@posix
def test_a_disk_that_is_full_before_the_first_part_is_whole(run, tmp_path):
    import resource

    run(TWENTY)
    before = (tmp_path / "out.h5").read_bytes()
    new = {key: samples[::-1] for key, samples in TWENTY.items()}
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)

    def compute(*values):
        resource.setrlimit(resource.RLIMIT_FSIZE, (2500, most))
        return calculate(*values)

    calculate = computation._compute_here
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(computation, "_compute_here", compute)
        try:
            with pytest.raises(
                UserError, match=r"000\d+\..*safetensors: file too large; make room and run again, to go on$"
            ):
                run(new)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    assert (tmp_path / "out.h5").read_bytes() == before
    assert not list((tmp_path / "out.h5.parts").glob("*/.*"))
    run(new)
    run(new, "straight.h5")
    assert (tmp_path / "out.h5").read_bytes() == (tmp_path / "straight.h5").read_bytes()


# Links to DVC's cache


@pytest.mark.parametrize("link", ["hardlink_to", "symlink_to"])
def test_a_linked_read_only_output_is_never_written_through(run, tmp_path, link):
    run(TWENTY)
    cached = tmp_path / "cached.h5"
    (tmp_path / "out.h5").rename(cached)
    cached.chmod(0o444)
    getattr(tmp_path / "out.h5", link)(cached)
    before = cached.read_bytes()
    assert run({**TWENTY, "new": pcm(77)}) == Summary(1, 20, 0)
    assert cached.read_bytes() == before
    assert len(FeatureFile(tmp_path / "out.h5")) == 21
    assert not (tmp_path / "out.h5").is_symlink()


STAGE = """\
stages:
  toy:
    cmd: "{python} -m toy_extractor extract toy recordings --out out.h5"
    deps: [recordings]
    outs: [out.h5: {{persist: true}}]
"""


@pytest.mark.parametrize("kind", ["copy", "hardlink", "symlink"])
def test_dvc_with_every_link_type(tmp_path, kind):
    """A reflink, which few filesystems have, is a copy to its readers and writers."""
    record(tmp_path / "recordings", 12)
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc" / "config").write_text(f"[core]\n no_scm = true\n analytics = false\n[cache]\n type = {kind}\n")
    (tmp_path / "dvc.yaml").write_text(STAGE.format(python=sys.executable))

    def repro():
        done = subprocess.run(
            [sys.executable, "-m", "dvc", "repro"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent}"},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    assert "computed 12, reused 0" in repro()
    out = tmp_path / "out.h5"
    assert {"copy": out.stat().st_nlink == 1, "hardlink": out.stat().st_nlink == 2, "symlink": out.is_symlink()}[kind]
    record(tmp_path / "recordings", 1, first=12)
    assert "computed 1, reused 12" in repro()
    cached = [path for path in (tmp_path / ".dvc/cache/files/md5").rglob("*") if path.is_file()]
    assert len(cached) >= 2
    for path in cached:
        if path.suffix != ".dir":
            assert hashlib.md5(path.read_bytes()).hexdigest() == path.parent.name + path.name
    assert len(FeatureFile(out)) == 13
