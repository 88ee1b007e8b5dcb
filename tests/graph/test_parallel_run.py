"""`ser run`: DVC's stages side by side, with the dvc.lock and the outputs of `dvc repro`; failures, interrupts."""

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress

import psutil
import pytest
import yaml
from kills import TWO_SYSTEMS, small_project
from projects import REPOSITORY, ran, repository, sh, tree

from pipeline.graph import dvc_lock
from pipeline.jobs.status_line import CLEAR

GRAPH = {
    "first": {"cmd": "echo 1 > first.txt", "outs": ["first.txt"]},
    "slow": {"cmd": "sleep 3; cat first.txt > slow.txt", "deps": ["first.txt"], "outs": ["slow.txt"]},
    "quick": {"cmd": "echo hello; echo oh >&2; cp first.txt q.txt", "deps": ["first.txt"], "outs": ["q.txt"]},
    "last": {"cmd": "cat slow.txt q.txt > last.txt", "deps": ["slow.txt", "q.txt"], "outs": ["last.txt"]},
}


def project(folder, stages):
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}, sort_keys=False))
    repository(folder)
    return folder


def run(folder, *arguments, ok=True, code=REPOSITORY):
    environment = ["env", f"PYTHONPATH={code}", sys.executable, "-m", "pipeline.cli"]
    return sh(folder, *environment, "run", *arguments, ok=ok)


@pytest.fixture
def small(tmp_path):
    return project(tmp_path, GRAPH)


def _left(folder):
    """What DVC leaves of the graph above."""
    return [folder / "dvc.lock", folder / ".gitignore", *folder.glob("*.txt")]


def test_dvc_lock_and_outputs_are_those_of_dvc_repro(small):
    sh(small, "dvc", "repro")
    straight = {path.name: path.read_bytes() for path in _left(small)}
    sh(small, "rm", "-r", ".dvc/cache", *straight)
    said = run(small, "-j", "2")
    assert said.index("quick is done") < said.index("slow is done"), said  # though DVC has it second
    assert {path.name: path.read_bytes() for path in _left(small)} == straight
    assert re.search(r"^quick \| hello\n", said, re.MULTILINE)
    assert re.search(r"^quick \| oh\n", said, re.MULTILINE)
    assert run(small, "-j", "2") == "4 stages up to date\n"
    assert "up to date" in sh(small, "dvc", "status")


def test_lines_of_gitignore_that_were_there_stay_where_they_are(small):
    (small / ".gitignore").write_bytes(b"# mine\r\n\n/first.txt\n*.pyc")
    said = run(small, "-j", "2")
    assert said.index("quick is done") < said.index("slow is done"), said
    kept = b"# mine\r\n\n/first.txt\n*.pyc\n"
    assert (small / ".gitignore").read_bytes() == kept + b"/slow.txt\n/q.txt\n/last.txt\n"


def hinted(said):
    """The files that the last `git add` of an output names."""
    found = re.findall(r"^\tgit add (.*)$", said, re.MULTILINE)
    return {*found[-1].split()} if found else None


def test_at_its_end_it_says_what_is_for_git(small):
    (small / "sub").mkdir()
    stages = {"under": {"cmd": "echo 1 > u.txt", "outs": ["u.txt"]}}
    (small / "sub/dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
    said = run(small, "-j", "2", "last", "sub/dvc.yaml")
    assert hinted(said) == {".gitignore", "dvc.lock", "sub/.gitignore", "sub/dvc.lock"}
    assert len(re.findall("To track the changes with git", said)) == 1
    assert hinted(run(small, "-j", "2")) is None
    for once_more in (lambda: run(small, "-j", "2"), lambda: sh(small, "dvc", "repro")):
        sh(small, "rm", "-r", "dvc.lock", ".dvc/cache")
        assert hinted(once_more()) == {"dvc.lock"}


def test_with_autostage_git_has_what_is_for_it(small):
    sh(small, "dvc", "config", "core.autostage", "true")
    assert hinted(run(small, "-j", "2")) is None
    assert {".gitignore", "dvc.lock"} <= {*sh(small, "git", "diff", "--cached", "--name-only").split()}
    assert not sh(small, "git", "diff", "--name-only", "dvc.lock", ".gitignore")


def on_terminal(folder, *command):
    """What a command writes to a terminal."""
    import pty

    reader, terminal = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "TERM": "xterm", "COLUMNS": "30"}
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=terminal, stderr=terminal) as process:
        os.close(terminal)
        written = b""
        with suppress(OSError):  # Linux: what a terminal gives whose last writer is gone
            while part := os.read(reader, 4096):
                written += part
    os.close(reader)
    assert not process.returncode, written.decode()
    return written.decode()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no pty")
def test_on_a_terminal_the_last_line_says_what_runs(small):
    written = on_terminal(small, sys.executable, "-m", "pipeline.cli", "run", "-j", "2")
    shown = [line.rpartition(CLEAR)[2] for line in written.split("\r\n")]  # as it stays, written over
    assert "[1/4] slow starts" in shown
    assert "quick | hello" in shown
    assert "4 stages ran in" in "\n".join(shown)
    states = [part for part in written.split(CLEAR) if re.match(r"\[\d/4\] .* \d+ s$", part)]
    assert any("slow" in state and "quick" in state for state in states)
    assert max(map(len, states)) < 30
    assert not {*states} & {*shown}


@pytest.mark.parametrize("stages", [[], ["-j", "2"]])
def test_elsewhere_lines_are_plain(small, stages):
    assert "\x1b" not in run(small, *stages)


def test_only_what_has_changed_and_what_a_target_needs_runs(small):
    assert ran(run(small, "quick")) == {"first", "quick"}
    assert ran(run(small, "-j", "3")) == {"slow", "last"}
    assert "did you mean 'quick'" in run(small, "quik", ok=False)


def test_a_changed_program_that_dvc_cannot_see_is_said(tmp_path):
    code = {"cmd": "python -m stages.code --of 000000000000", "outs": ["code.txt"]}
    folder = project(tmp_path, {"code": code, **GRAPH})
    said = run(folder, "first")
    assert said.startswith("warning: dvc.yaml is older than the installed program; run `ser graph`"), said
    assert (folder / "first.txt").exists()


def test_stages_may_have_the_names_of_files(tmp_path):
    stages = {
        name: {"cmd": f"echo 1 > {name}.txt", "outs": [f"{name}.txt"]} for name in ("x.dvc", "dvc.yaml", "x.lock")
    }
    stages["each"] = {"foreach": ["a"], "do": {"cmd": "echo ${item} > ${item}.txt", "outs": ["${item}.txt"]}}
    folder = project(tmp_path, stages)
    assert ran(run(folder, "-j", "2")) == {"x.dvc", "dvc.yaml", "x.lock", "each@a"}
    assert run(folder) == "4 stages up to date\n"


def test_after_a_failure_what_runs_is_finished_and_nothing_is_started(tmp_path):
    bad = {
        "bad": {"cmd": "sleep 2; exit 3", "outs": ["bad.txt"]},
        "after": {"cmd": "cp bad.txt after.txt", "deps": ["bad.txt"], "outs": ["after.txt"]},
        "slow": {"cmd": "sleep 6; echo 1 > slow.txt", "outs": ["slow.txt"]},
        "late": {"cmd": "cp slow.txt late.txt", "deps": ["slow.txt"], "outs": ["late.txt"]},
    }
    folder = project(tmp_path, bad)
    said = run(folder, "-j", "2", ok=False)
    assert ran(said) == {"bad", "slow"}
    assert said.endswith(
        "error: bad: failed to run: sleep 2; exit 3, exited with 3\nerror: then 2 stages did not run\n"
    )
    assert dvc_lock.stage_names(folder / "dvc.lock") == ["slow"]
    assert ran(run(folder, "-j", "2", "--keep-going", ok=False)) == {"bad", "late"}


def test_a_link_to_nothing_is_named_before_anything_runs(tmp_path):
    folder = project(tmp_path, {"one": {"cmd": "echo 1 > one.txt", "deps": ["sounds"], "outs": ["one.txt"]}})
    (folder / "sounds").mkdir()
    (folder / "sounds/a.wav").symlink_to("/nowhere/b.wav")
    why = "is a link to /nowhere/b.wav, where nothing is; mend or remove the link, or list it in .dvcignore"
    said = run(folder, ok=False)
    assert f"error: sounds/a.wav: {why}; DVC reads no folder with such a link\n" in said
    (folder / ".dvcignore").write_text("sounds/a.wav\n")
    assert ran(run(folder)) == {"one"}


@pytest.mark.parametrize(
    ("signals", "code", "said"),
    [(signal.SIGINT, 130, ["interrupted; run again to go on"]), (signal.SIGTERM, 143, [])],
)
def test_interrupted_it_ends_all_stages_and_leaves_dvc_ready(tmp_path, signals, code, said):
    words = {"one": "", "two": " multiprocessing"}  # which Python's workers have in their command lines, too
    endless = {
        name: {"cmd": f"sleep 100; echo{word} > {name}.txt", "outs": [f"{name}.txt"]} for name, word in words.items()
    }
    folder = project(tmp_path, endless | {"three": {"cmd": "echo 3 > three.txt", "outs": ["three.txt"]}})
    command = [sys.executable, "-c", "import signal as s; s.signal(s.SIGINT, s.default_int_handler)\n" + MAIN]
    process = subprocess.Popen(
        [*command, "run", "-j", "3"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "DVC_NO_ANALYTICS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while "three is done" not in (line := process.stdout.readline()):
        assert line, process.communicate()
    while len(sleepers := [each for each in psutil.Process(process.pid).children(True) if is_sleep(each)]) < 2:
        time.sleep(0.05)
    process.send_signal(signals)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert [line for line in err.splitlines() if " | " not in line] == said  # beside what a shell says of it
    assert not psutil.wait_procs(sleepers, timeout=5)[1]
    assert dvc_lock.stage_names(folder / "dvc.lock") == ["three"]
    assert set(yaml.safe_load(sh(folder, "dvc", "status", "--json"))) == {"one", "two"}


def test_what_runs_is_finished_where_another_dvc_is_in_the_way(tmp_path):
    wait = "until test -e {0}; do sleep 0.1; done; echo 1 > {1}"
    stages = {
        "first": {"cmd": wait.format("other", "first.txt"), "outs": ["first.txt"]},
        "middle": {"cmd": "cp first.txt middle.txt", "deps": ["first.txt"], "outs": ["middle.txt"]},
        "held": {"cmd": "touch other; " + wait.format("end", "held.txt"), "deps": ["middle.txt"], "outs": ["held.txt"]},
        "slow": {"cmd": wait.format("other", "slow.txt") + "; sleep 3; touch end", "outs": ["slow.txt"]},
    }
    folder = project(tmp_path, stages)
    for name in ("other", "end"):
        (folder / name).touch()
    sh(folder, "dvc", "repro")
    for name in ("other", "end", "first.txt", "slow.txt"):
        (folder / name).unlink()
    sh(folder, "rm", "-r", ".dvc/cache/runs")
    other = subprocess.Popen(
        ["dvc", "repro", "-q", "-f", "-s", "held"], cwd=folder, env=os.environ | {"DVC_NO_ANALYTICS": "1"}
    )
    while not (folder / "other").exists():
        time.sleep(0.05)
    said = run(folder, "-j", "2", ok=False)
    (folder / "end").touch()
    assert other.wait(60) == 0
    assert re.search(r"^error: .*held.txt. is busy", said, re.MULTILINE), said
    assert "slow is done" in said


SLOW_END = """\
import signal, sys, time
def end(*_):
    time.sleep(8)
    open("ended", "w").close()
    sys.exit(1)
signal.signal(signal.SIGTERM, end)
open("begun", "w").close()
time.sleep(100)
"""


def test_interrupted_it_waits_for_what_a_shell_left_behind(tmp_path):
    (tmp_path / "slow_end.py").write_text(SLOW_END)
    folder = project(tmp_path, {"one": {"cmd": f"{sys.executable} slow_end.py; echo 1 > one.txt", "outs": ["one.txt"]}})
    process = subprocess.Popen(
        [sys.executable, "-c", MAIN, "run"], cwd=folder, env={**os.environ, "PYTHONPATH": str(REPOSITORY)}
    )
    while not (folder / "begun").exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 143
    assert (folder / "ended").exists()
    assert not (folder / "one.txt").exists()


MAIN = "from pipeline.cli import main\nif __name__ == '__main__': main()"


def is_sleep(process):
    return process.name() == "sleep"


def test_stages_that_run_side_by_side_share_the_cores(tmp_path):
    stages = {name: {"cmd": f"echo $SER_WORKERS > {name}.txt", "outs": [f"{name}.txt"]} for name in "abc"}
    stages["d"] = {"cmd": "echo $SER_WORKERS > d.txt", "deps": ["a.txt", "b.txt", "c.txt"], "outs": ["d.txt"]}
    folder = project(tmp_path, stages)
    sh(folder, "env", f"PYTHONPATH={REPOSITORY}", "SER_WORKERS=7", sys.executable, "-m", "pipeline.cli", "run", "-j2")
    assert [(folder / f"{name}.txt").read_text() for name in "abcd"] == ["3\n", "3\n", "3\n", "7\n"]


@pytest.mark.slow
def test_a_project_of_speech_has_the_bytes_of_dvc_repro(tmp_path):
    folder = small_project(tmp_path, TWO_SYSTEMS)
    sh(folder, "dvc", "repro")
    straight = {name: tree(folder / name) for name in ("data", "metrics")}, (folder / "dvc.lock").read_bytes()
    sh(folder, "rm", "-r", "data", "metrics", "dvc.lock", ".dvc/cache")
    run(folder, "--jobs", "3", code=folder)
    made = {name: tree(folder / name) for name in ("data", "metrics")}, (folder / "dvc.lock").read_bytes()
    assert made == straight


def test_new_stages_of_few_targets_stand_in_one_order(tmp_path):
    stages = {f"s{n}": {"cmd": f"echo {n} > {n}.txt", "outs": [f"{n}.txt"]} for n in range(20)}
    folder = project(tmp_path, stages)
    said = (
        "from pipeline.graph.dvc_graph import open_graph\n"
        "with open_graph(['s7', 's5', 's1', 's3']) as g: print(g.order)"
    )
    for seed in range(3):
        variables = ["env", f"PYTHONPATH={REPOSITORY}", f"PYTHONHASHSEED={seed}"]
        assert sh(folder, *variables, sys.executable, "-c", said) == "['s1', 's3', 's5', 's7']\n"
