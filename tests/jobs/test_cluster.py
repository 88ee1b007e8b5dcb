"""A Dask cluster of two worker processes on this machine, started by the commands that the README gives."""

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from feature_files import corpus, write_features
from recorded import TESTS, record, ser, start
from toy_extractor import Toy, ToyParams

from pipeline.audio.audio_file import write_audio
from pipeline.config.protocols import LeaveOneSpeakerOut
from pipeline.errors import ParamsError, UserError
from pipeline.experiments.cross_validation import Experiment, cross_validate
from pipeline.extraction.extraction import extract
from pipeline.jobs import cluster as dask_cluster
from pipeline.jobs.executors import open_executor, run_all
from pipeline.jobs.workplace import Workplace
from pipeline.storage.feature_file import FeatureFile
from pipeline.strict import Strict
from pipeline.systems.system import System

pytestmark = pytest.mark.slow

distributed = pytest.importorskip("distributed")

ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join(map(str, [TESTS, TESTS.parent, Path(__file__).parent])),
    "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0",
}


def dask(*arguments):
    command = [sys.executable, "-m", "dask", *arguments]
    return subprocess.Popen(command, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True)


def said(process, pattern):
    """Wait for a line of standard error."""
    for line in process.stderr:
        if found := re.search(pattern, line):
            return found[0]
    raise AssertionError(f"dask ended without {pattern!r}")


@contextmanager
def running(*arguments, says):
    process = dask(*arguments)
    try:
        yield SimpleNamespace(process=process, said=said(process, says))
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def scheduler():
    with running("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", says=r"tcp://[0-9.]+:\d+") as one:
        yield one.said


def worker(address, *options):
    alone = ("--nworkers", "1", "--nthreads", "1", "--no-dashboard", "--no-nanny")
    return running("worker", address, *alone, *options, says="Registered to")


@pytest.fixture(scope="module")
def cluster(scheduler):
    """The address of a scheduler with two workers, one of which has a GPU, it says."""
    with worker(scheduler), worker(scheduler, "--resources", "GPU=1"):
        yield scheduler


@pytest.fixture
def audio(tmp_path):
    waves = [np.random.default_rng(i).integers(-9999, 9999, 700 + 100 * (i * 7 % 8)).astype(np.int16) for i in range(9)]
    write_audio(tmp_path / "audio.h5", "mine", 16000, [(f"u{i:02d}", wave) for i, wave in enumerate(waves)])
    return FeatureFile(tmp_path / "audio.h5")


def told(path):
    return set(FeatureFile(path).streams["batch"][:, 0].tolist())


def test_a_cluster_gives_the_same_bytes(cluster, audio, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the workers have another working folder
    toy = Toy(ToyParams(pause=0.05))
    extract(toy, FeatureFile("audio.h5"), tmp_path / "straight.h5", "mine")
    extract(toy, FeatureFile("audio.h5"), tmp_path / "out.h5", "mine", Workplace(cluster=cluster))
    assert (tmp_path / "out.h5").read_bytes() == (tmp_path / "straight.h5").read_bytes()
    monkeypatch.setenv("SER_CLUSTER", cluster)
    extract(Toy(ToyParams(pause=0.1, tell="process")), audio, tmp_path / "who.h5", "mine")
    assert len(told(tmp_path / "who.h5")) == 2
    assert not told(tmp_path / "who.h5") & {float(np.float32(os.getpid()))}
    monkeypatch.setenv("SER_CLUSTER", "tcp://127.0.0.1:1")
    extract(toy, audio, tmp_path / "out.h5", "mine")  # nothing is left to compute, so no cluster is asked


def test_a_model_on_gpus_goes_to_workers_that_have_one(cluster, audio, tmp_path):
    params = ToyParams(pause=0.05, tell="process", on_device=True)
    extract(Toy(params), audio, tmp_path / "gpu.h5", "mine", Workplace(cluster=cluster, devices=("cuda",)))
    assert len(told(tmp_path / "gpu.h5")) == 1
    extract(Toy(params), audio, tmp_path / "cpu.h5", "mine", Workplace(cluster=cluster, devices=("cpu",)))
    assert len(told(tmp_path / "cpu.h5")) == 2


def test_one_of_two_workers_is_killed_in_the_middle(tmp_path):
    recordings, out = record(tmp_path / "recordings", 30), tmp_path / "out.h5"
    command = ("extract", "toy", recordings, "--set", "pause=0.05", "--out")
    assert ser(*command, tmp_path / "straight.h5")[0] == 0
    environment = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "3"}
    ENVIRONMENT.update(environment)
    try:
        arguments = ("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        with running(*arguments, says=r"tcp://[0-9.]+:\d+") as one, worker(one.said) as lost, worker(one.said):
            process = start(*command, out, "--cluster", one.said)
            deadline = time.monotonic() + 60
            while len(list((tmp_path / "out.h5.parts").glob("*/*.safetensors"))) < 4 and time.monotonic() < deadline:
                time.sleep(0.01)
            assert process.poll() is None
            lost.process.send_signal(signal.SIGKILL)
            text, err = process.communicate(timeout=60)
    finally:
        ENVIRONMENT["DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES"] = "0"
    assert process.returncode == 0, err
    assert text == f"{out}: computed 30, reused 0\n"
    assert out.read_bytes() == (tmp_path / "straight.h5").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.h5", "recordings", "straight.h5"]


class Params(Strict):
    epochs: int = 1


class Classifier(System):
    """Says the share of angry utterances in training, and which process trained it."""

    Params = Params

    def fit(self, X, y, validation, on_epoch):
        self.classes_, self.share = np.unique(y), float(np.mean([rows.mean() for rows in X.arrays("logmel")]))
        self.history_ = [{"epoch": 1, "train_loss": float(os.getpid())}]
        return self

    def predict_proba(self, X):
        return np.tile([self.share, 1 - self.share], (len(X), 1))

    def save(self, path):
        path.write_text(repr(self.share))

    def load(self, path, X, classes):
        raise NotImplementedError

    def parameter_count(self):
        return 1


def test_folds_run_on_the_cluster_too(cluster, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = corpus(speakers=4, emotions=("angry", "sad"))
    values = {row.key: np.random.default_rng(i).random((3, 2), np.float32) for i, row in enumerate(rows)}
    write_features(tmp_path / "features.h5", values)
    protocol = LeaveOneSpeakerOut(scheme="leave_one_speaker_out")
    files = {"logmel": FeatureFile("features.h5")}
    experiment = Experiment("toy", "toy", Classifier, Params(), protocol, rows, files, {}, 0)
    here, _ = cross_validate(experiment, tmp_path / "here")
    there, _ = cross_validate(experiment, tmp_path / "there", cluster=cluster)
    assert (there.keys, there.folds) == (here.keys, here.folds)
    np.testing.assert_array_equal(there.rows, here.rows)
    for path in (tmp_path / "here").iterdir():
        assert (tmp_path / "there" / path.name).read_bytes() == path.read_bytes()
    assert {row["train_loss"] for row in here.curves} == {os.getpid()}
    assert os.getpid() not in {row["train_loss"] for row in there.curves}


# What can go wrong


def use(address, resources=None):
    """Open the cluster's executor, for one task that says nothing."""
    with open_executor(1, 1, address, resources) as executor:
        return list(run_all(executor, print, [()]))


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "tcp://[::1]:1"])
def test_no_scheduler_there(monkeypatch, address):
    monkeypatch.setattr(dask_cluster, "CONNECT_WAIT", 0.5)
    with pytest.raises(
        UserError, match=rf"^no Dask scheduler answers at '{re.escape(address)}' \(.*\); is it running\?$"
    ):
        use(address)


@pytest.mark.parametrize("address", ["head", "head:8786", "foo://x:1", "tcp://a:b:c", "tcp://head", "inproc://1/2/3"])
def test_no_address(monkeypatch, address):
    """Dask's client, once made, would complain of it when it is collected."""
    monkeypatch.setattr(distributed, "Client", None)
    with pytest.raises(ParamsError, match=rf"^'{address}' is no address of a Dask scheduler; give tcp://HOST:PORT"):
        use(address)


def test_no_certificates():
    with pytest.raises(ParamsError, match=r"^tls://head:8786: Dask's configuration names no certificates"):
        use("tls://head:8786")


def test_no_worker_that_can(scheduler, monkeypatch, capsys):
    monkeypatch.setattr(dask_cluster, "WORKER_WAIT", 0.3)
    with pytest.raises(UserError, match="the Dask cluster does not have a worker with --resources TPU=1; start one"):
        use(scheduler, {"TPU": 1.0})
    assert capsys.readouterr().err == f"waiting for a worker with --resources TPU=1 at {scheduler}\n"


def test_without_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UserError, match=r"a Dask cluster needs the extra: pip install -c constraints.txt -e '.\[clus"):
        use("tcp://127.0.0.1:1")


def test_a_users_error_is_not_tried_again(cluster, tmp_path):
    count = tmp_path / "count"
    with pytest.raises(UserError, match="broken recording"), open_executor(1, 1, cluster) as executor:
        list(run_all(executor, fail, [(count,)]))
    assert count.read_text() == "x"


def fail(count):
    with count.open("a") as file:
        file.write("x")
    raise UserError("broken recording")


def test_a_task_that_kills_its_workers(scheduler):
    """Here the first loss is one too many."""

    def doom():
        with worker(scheduler, "--resources", "DOOMED=1"), open_executor(1, 1, scheduler, {"DOOMED": 1.0}) as executor:
            list(run_all(executor, os._exit, [(1,)]))

    with pytest.raises(UserError, match=r"a task lost worker after worker .*; run again, to go on"):
        doom()


def test_a_scheduler_that_is_lost(tmp_path):
    """The finished parts stay, for the next run."""
    recordings, out = record(tmp_path / "recordings", 30), tmp_path / "out.h5"
    arguments = ("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
    with running(*arguments, says=r"tcp://[0-9.]+:\d+") as one, worker(one.said):
        process = start("extract", "toy", recordings, "--set", "pause=0.1", "--out", out, "--cluster", one.said)
        while len(list((tmp_path / "out.h5.parts").glob("*/*.safetensors"))) < 2 and process.poll() is None:
            time.sleep(0.01)
        one.process.kill()
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err == f"error: {one.said}: the Dask scheduler was lost; start it and run again, to go on\n"
    assert ser("extract", "toy", recordings, "--set", "pause=0.1", "--out", out)[1].count("before the run was") == 1
