"""Kill `ser extract` and `dvc repro` at random moments, and start them again, until all outputs are there.

`python tests/kills.py --kills 200 repro` (or extract) does it at length, and prints what came of it; tests do a few.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import soundfile
from projects import code_project, ser, sh, tree
from recorded import record, start
from recorded import ser as extract

from pipeline.graph import dvc_state

ONE_FEATURE = """\
corpora:
  mine: {reader: folder, root: recordings, speaker_pattern: '/([a-z]+)_'}
protocols:
  loso: {scheme: leave_one_speaker_out, validation_speakers: 0}
scoring: {bootstrap: 100}
features:
  cepstra: {extractor: mfcc, n_mfcc: 5, n_mels: 10}
keep:
  mine: [cepstra]
"""
ONE_SYSTEM = f"""\
{ONE_FEATURE}\
experiments:
  one: {{system: svm, corpus: mine, protocol: loso, mfcc: cepstra}}
"""
TWO_SYSTEMS = f"""\
{ONE_SYSTEM}\
  two: {{system: pooled, corpus: mine, protocol: loso, mfcc: cepstra}}
fusions:
  both: {{of: [one, two], fit_on: other_folds}}
"""
MADE = ("data", "metrics", "dvc.lock", ".dvc/cache")
"""what a run of the project makes"""


def killed_extractions(folder, kills, seed=0):
    """Kill `ser extract` so often; what became of the runs, by name. What is finished has the bytes of `straight`."""
    chance, counts = random.Random(seed), Counter()
    recordings = record(folder / "recordings", 40)
    options = ("extract", "toy", recordings, "--set", "pause=0.03", "--out")
    begun = time.monotonic()
    assert extract(*options, folder / "straight.h5")[0] == 0
    usual, out, parts = time.monotonic() - begun, folder / "out.h5", folder / "out.h5.parts"
    while counts["kills"] < kills:
        process = start(*options, out)
        _sleep_until(chance.uniform(0, 1.2) * usual, process)
        process.kill()
        _, err = process.communicate()
        assert process.returncode in (0, -signal.SIGKILL), err
        counts["kills" if process.returncode else "finished before"] += 1
        counts["killed with finished batches"] += bool(process.returncode) and bool([*parts.glob("*/*.safetensors")])
        if out.exists() or chance.random() < 0.1:
            counts["finished, and as straight"] += 1
            _finish(options, out, folder)
    _finish(options, out, folder)
    return counts


def _finish(options, out, folder):
    code, _, err = extract(*options, out)
    assert code == 0, err
    assert out.read_bytes() == (folder / "straight.h5").read_bytes()
    assert sorted(path.name for path in folder.iterdir()) == ["out.h5", "recordings", "straight.h5"]
    out.unlink()


def small_project(folder, params):
    """A project of DVC with 18 short noises by three speakers."""
    for number, emotion in enumerate(("angry", "happy")):
        for place, speaker in enumerate(("anna", "ben", "cleo")):
            for take in range(3):
                path = folder / "recordings" / emotion / f"{speaker}_{take}.wav"
                path.parent.mkdir(parents=True, exist_ok=True)
                noise = np.random.default_rng([number, place, take]).standard_normal(4000)
                soundfile.write(path, 0.1 * (1 + number) * noise / abs(noise).max(), 16000)
    project = code_project(folder, params)
    ser(project, "graph")
    return project


def killed_repros(folder, kills, seed=0, params=TWO_SYSTEMS):
    """Kill `dvc repro` so often, alone or with its stage; what became of the runs, by name.

    After each kill the run is started again, after `ser graph` where DVC left its own files half-written. What is
    finished has the bytes of a run that was never killed, and is made anew from nothing.
    """
    chance, counts, project = random.Random(seed), Counter(), small_project(folder, params)
    sh(project, "dvc", "repro")
    straight = _made(project)
    _clear(project)
    while counts["kills"] < kills:
        log = project / f"log-{counts['kills']}-{counts['finished before']}.txt"
        process = _repro(project, log)
        counts[_killed(process, project, chance)] += 1
        if process.returncode == 0:
            counts["finished before"] += 1
            _check(project, straight)
        elif process.returncode == -signal.SIGKILL:
            counts["kills"] += 1
            _mend(project, counts)
            print(dict(counts), file=sys.stderr)
        else:
            raise AssertionError(f"exit code {process.returncode}\n{log.read_text()}")
    sh(project, "dvc", "repro")
    _check(project, straight)
    return counts


def _repro(project, path):
    """Start `dvc repro`, with a log of its own: a stage that outlives its killed DVC goes on with the last one."""
    environment = {**os.environ, "PYTHONPATH": str(project), "DVC_NO_ANALYTICS": "1"}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    with path.open("w") as log:
        command = [sys.executable, "-m", "dvc", "repro"]
        return subprocess.Popen(command, cwd=project, env=environment, stdout=log, stderr=log, start_new_session=True)


def _killed(process, project, chance):
    """Kill at a random moment, or just after DVC began to write a file of its own; DVC alone, or its stage as well."""
    if chance.random() < 0.5:
        moment = "at any moment"
        _sleep_until(chance.uniform(0.5, 8), process)
    else:
        moment = "while DVC writes"
        path = project / chance.choice(["dvc.lock", ".dvc/tmp/rwlock"])
        _sleep_until(chance.uniform(0.5, 5), process)
        before = _changed(path)
        while process.poll() is None and _changed(path) == before:
            time.sleep(0.0002)
        time.sleep(chance.uniform(0, 0.003))
    whole = chance.random() < 0.5
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL) if whole else process.kill()
    process.wait()
    return f"{'DVC and its stage' if whole else 'DVC alone'} {moment}"


def _sleep_until(seconds, process):
    end = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < end:
        time.sleep(0.001)


def _changed(path):
    try:
        return path.stat().st_mtime_ns, path.stat().st_size
    except FileNotFoundError:
        return None


def _mend(project, counts):
    for path in dvc_state.broken(project):
        counts[f"{path.name} was half-written"] += 1
    if dvc_state.broken(project):
        ser(project, "graph")
    assert dvc_state.broken(project) == []


def _made(project):
    files = {f"{name}/{path}": data for name in ("data", "metrics") for path, data in tree(project / name).items()}
    return {**files, "dvc.lock": (project / "dvc.lock").read_bytes()}


def _check(project, straight):
    made = _made(project)
    left = {path for path in made if path not in straight}
    assert not {path for path in left if not Path(path).name.endswith((".tmp", ".lock")) and ".parts/" not in path}, (
        left
    )
    assert [path for path in straight if made.get(path) != straight[path]] == []
    _clear(project)


def _clear(project):
    for name in MADE:
        path = project / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def main():
    """Many kills, as the command line asks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["extract", "repro"])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    kill = {"extract": killed_extractions, "repro": killed_repros}[asked.what]
    with tempfile.TemporaryDirectory() as folder:
        begun = time.monotonic()
        for name, count in sorted(kill(Path(folder), asked.kills, asked.seed).items()):
            print(f"{count:6d}  {name}")
        print(f"{time.monotonic() - begun:6.0f}  seconds")


if __name__ == "__main__":
    main()
