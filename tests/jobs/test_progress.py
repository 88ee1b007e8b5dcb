"""Lines of progress where there is no terminal."""

from pipeline.jobs import progress
from pipeline.jobs.progress import Progress


def test_a_line_says_how_far_it_is_and_how_long_it_takes(capsys, monkeypatch):
    monkeypatch.setattr(progress, "QUIET_SECONDS", 0)
    monkeypatch.setattr("time.monotonic", iter([0.0, 2.0]).__next__)
    Progress(10, "mfcc", initial=2).update(4)
    assert capsys.readouterr().err == "mfcc: 6/10, 2/s, 2 s left\n"


def test_a_line_says_how_far_it_is_where_the_end_is_not_known(capsys, monkeypatch):
    monkeypatch.setattr(progress, "QUIET_SECONDS", 0)
    monkeypatch.setattr("time.monotonic", iter([0.0, 2.0]).__next__)
    Progress(None, "archive.zip (MB)").update(4)
    assert capsys.readouterr().err == "archive.zip (MB): 4, 2/s\n"


def test_nothing_done_so_far_is_said_too(capsys, monkeypatch):
    monkeypatch.setattr(progress, "QUIET_SECONDS", 0)
    monkeypatch.setattr("time.monotonic", iter([0.0, 2.0]).__next__)
    Progress(10, "mfcc").update(0)
    assert capsys.readouterr().err == "mfcc: 0/10, 0/s, unknown time left\n"
