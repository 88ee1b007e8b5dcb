"""`ser bench scale`: the exponent of growth, what a process took, and training in a tenth of the memory."""

import json
import resource
import sys
from collections import Counter

import pytest
from click.testing import CliRunner

from pipeline.bench import growth, memory, scale
from pipeline.bench.scale_project import STAGES, ScaleProject, Spent
from pipeline.bench.timing import Skipped
from pipeline.cli import main

COUNTS = (1000, 3000, 10_000)


@pytest.mark.parametrize("exponent", [1.0, 1.5, 2.0])
@pytest.mark.parametrize("start", [0.0, 3.0])
def test_the_exponent_is_that_of_what_grows(exponent, start):
    assert growth.exponent(COUNTS, [start + 1e-4 * n**exponent for n in COUNTS]) == pytest.approx(exponent, abs=0.02)


def test_what_does_not_grow_has_no_high_exponent():
    assert growth.exponent(COUNTS, [2.0, 2.0, 2.0]) <= 0.5


def test_of_what_hardly_grows_the_exponent_is_the_least_that_noise_allows():
    noisy = [250 * factor for factor in (1.0, 0.99, 1.01)]
    assert growth.exponent(COUNTS, noisy) > 1.1
    assert growth.exponent(COUNTS, noisy, 0.02) <= 0.5


@pytest.mark.parametrize("start", [0.0, 0.1])
def test_noise_hides_no_square(start):
    assert growth.exponent(COUNTS, [start + (n / 1e4) ** 2 for n in COUNTS], 0.02) > 1.5


def test_the_line_has_what_there_is_at_first_and_what_each_recording_adds():
    assert growth.line(COUNTS, [250 + 0.01 * n for n in COUNTS]) == pytest.approx((250, 0.01))


def test_a_process_says_what_it_took_and_what_is_wrong(tmp_path):
    project = ScaleProject.reopened(tmp_path, 0)
    spent = project.python("-c", "x = bytearray(200_000_000); sum(range(10**6))")
    assert 0 < spent.cpu <= spent.seconds * 4
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000  # from which Linux counts, as it forks
    assert 200 < spent.peak < 500 + own
    with pytest.raises(Skipped, match=r"fails: no such thing"):
        project.python("-c", "raise SystemExit('no such thing')")


def test_recordings_are_the_same_whatever_was_made_before(tmp_path):
    one, other = (ScaleProject.reopened(tmp_path / name, 0) for name in ("one", "other"))
    for project in (one, other):
        (project.folder / "recordings").mkdir(parents=True)
    one.add(5)
    other.add(2)
    other.add(3)
    made = [sorted((p.folder / "recordings").iterdir()) for p in (one, other)]
    assert [path.read_bytes() for path in made[0]] == [path.read_bytes() for path in made[1]]
    assert len({path.read_bytes() for path in made[0]}) == 6


def _linear(count):
    return {name: Spent(9, 1 + count / 1e3, 1400 + count / 50) for name in STAGES}


def test_the_table_has_every_stage_beside_its_targets(monkeypatch, tmp_path):
    monkeypatch.setattr(scale, "ScaleProject", Noisy)
    monkeypatch.setattr(scale, "_measured", lambda project, say: _linear(project.count))
    monkeypatch.setattr(scale, "_short", lambda project: _linear(project.count))
    monkeypatch.setattr(scale, "adding", lambda *_: (_ for _ in ()).throw(Skipped("no disk here")))
    monkeypatch.setattr(scale, "limited", lambda *_: [])
    said = []
    assert not scale.run(10_000, False, tmp_path / "figures.json", said.append, lambda _: None)
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert [figure["met"] for figure in figures["figures"][:5]] == [None, True, False, True, False]
    assert figures["figures"][3]["note"] == "1400 MB and 20 MB for each 1000 recordings"
    assert figures["figures"][4]["value"] == pytest.approx(3400)
    assert {figure["part"] for figure in figures["figures"]} == {*STAGES}
    assert "adding: not run: no disk here" in said[0]
    assert "missed: manifest, largest memory of a process" in said[1]
    assert said[1].endswith("not run: adding")


class Noisy:
    """A project whose commands take more processor time, and memory, whenever they are run again; DVC's less."""

    def __init__(self, folder, count):
        self.count, self.runs = count, {}

    def _run(self, name, step):
        ORDER.append((self.count, name))
        times = self.runs[name] = self.runs.get(name, 0) + 1
        return Spent(100, 10 + step * times, self.count + times)

    def stage(self, *arguments):
        return self._run(arguments[0], 1)

    def dvc(self, name, *_):
        return self._run(name, -1)


ORDER = []
"""of the commands of `Noisy`: sizes, and names"""


def test_of_what_is_short_the_least_of_several_runs_counts_and_their_largest_memory(monkeypatch, tmp_path):
    monkeypatch.setattr(scale, "ScaleProject", Noisy)
    ORDER.clear()
    figures = {(one.part, one.name): one for one in scale.stages(tmp_path, [30, 100, 300], lambda _: None)}
    assert Counter(ORDER) == {
        (count, name): 3 if name in {*scale.AGAIN, "status", "repro"} else 1
        for count in (30, 100, 300)
        for name in ["code", "commit", "status", "repro", *(STAGES[name][0] for name in STAGES)]
    }
    own = "100 s ({}), {} MB"
    for name, cpu, times in [("probe", 11, 1), ("evaluate", 11, 3), ("dvc commit", 9, 1), ("dvc status", 7, 3)]:
        expected = ", ".join(f"{count}: {own.format(cpu, count + times)}" for count in (30, 100, 300))
        assert figures[name, "300 recordings"].note.endswith(expected)


def test_the_sizes_take_turns_at_what_is_short(monkeypatch, tmp_path):
    monkeypatch.setattr(scale, "ScaleProject", Noisy)
    ORDER.clear()
    scale.stages(tmp_path, [30, 100, 300], lambda _: None)
    assert [count for count, name in ORDER if name == "status"] == [30, 100, 300] * 3


class Made:
    """A project whose commands take what is written here (s), and one with more recordings more."""

    added = 0.0

    def __init__(self, folder, count):
        self.folder, self.runs = folder, iter([12.0, 2.0] if count == scale.ADDED else [6.0, self.added])

    @classmethod
    def reopened(cls, folder, count):
        return cls(folder, count)

    def dvc(self, *_):
        return Spent(100, next(self.runs), 100)

    def add(self, count):
        assert count == scale.ADDED


@pytest.mark.parametrize(("added", "met"), [(15.0, True), (18.0, False)])
def test_adding_is_held_against_a_project_of_these_alone_and_hashing(monkeypatch, tmp_path, added, met):
    """Not against what DVC takes with nothing to do besides, whose start is in the former."""
    monkeypatch.setattr(Made, "added", added)
    monkeypatch.setattr(scale, "ScaleProject", Made)
    monkeypatch.setattr(scale, "seconds", lambda *_: 3.0)
    (figure,) = scale.adding(tmp_path, 10_000, lambda _: None)
    assert figure.value == pytest.approx(added / 15)
    assert figure.met is met
    assert "alone 12, hashing 3; nothing to do 6, alone 2" in figure.note


def test_a_stage_that_fails_leaves_a_table_and_the_file(monkeypatch, tmp_path):
    def fails(*_):
        raise Skipped("-m stages.audio fails: no")

    def wrong(*_):
        assert json.loads((tmp_path / "figures.json").read_text())["skipped"]
        raise AssertionError("another model")

    monkeypatch.setattr(scale, "stages", fails)
    monkeypatch.setattr(scale, "limited", lambda *_: [])
    said = []
    scale.run(2000, True, None, said.append, lambda _: None)
    assert "stages: not run: -m stages.audio fails: no" in said[0]
    assert "adding: not run: there is no project to add to" in said[0]
    monkeypatch.setattr(scale, "limited", wrong)
    with pytest.raises(AssertionError, match="another model"):
        scale.run(2000, True, tmp_path / "figures.json", said.append, lambda _: None)


@pytest.mark.parametrize("largest", ["1999", "many"])
def test_too_few_recordings_are_refused(largest):
    result = CliRunner().invoke(main, ["bench", "scale", "--to", largest])
    assert result.exit_code == 2
    assert "--to" in result.stderr


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says, and limits, what a process takes")
def test_features_of_ten_times_the_memory_are_trained_on(tmp_path):
    """With the bytes of a model that had memory for all of them, which the part itself compares."""
    figures = memory.limited(tmp_path / "memory", quick=True)
    assert [figure.met for figure in figures] == [True, True]
