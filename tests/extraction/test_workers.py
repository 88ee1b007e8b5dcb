"""Worker processes: as many as asked, each on one thread, and the result is that of one."""

import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from recorded import record, ser, start
from toy_extractor import Toy, ToyParams
from worker_processes import children

from pipeline.audio.audio_file import write_audio
from pipeline.errors import ParamsError
from pipeline.extraction import computation
from pipeline.extraction.computation import Work
from pipeline.extraction.extraction import Summary, extract
from pipeline.features import find_extractor
from pipeline.jobs.devices import torch_devices
from pipeline.jobs.executors import cores, worker_count
from pipeline.jobs.workplace import Workplace
from pipeline.storage.feature_file import FeatureFile

pytestmark = pytest.mark.slow


def pcm(i):
    return np.random.default_rng(i).integers(-9999, 9999, 700 + 100 * (i * 7 % 8)).astype(np.int16)


@pytest.fixture
def audio(tmp_path):
    """Twelve utterances of 40 to 90 ms: about nine batches of the toy."""
    write_audio(tmp_path / "audio.h5", "mine", 16000, [(f"u{i:02d}", pcm(i)) for i in range(12)])
    return FeatureFile(tmp_path / "audio.h5")


def told(path):
    """What the toy's batches tell, without repeats."""
    return set(FeatureFile(path).streams["batch"][:, 0].tolist())


def test_the_number_of_workers_changes_no_byte(audio, tmp_path):
    for workers in (1, 2, 3):
        assert extract(Toy(ToyParams()), audio, tmp_path / f"{workers}.h5", "mine", Workplace(workers)) == Summary(
            12, 0, 0
        )
    assert (tmp_path / "1.h5").read_bytes() == (tmp_path / "2.h5").read_bytes() == (tmp_path / "3.h5").read_bytes()


@pytest.mark.parametrize("name", ["mfcc", "prosody"])
def test_nor_does_it_of_a_true_feature(tmp_path, name):
    waves = [(f"u{i}", np.tile(pcm(i), 8)) for i in range(6)]
    write_audio(tmp_path / "audio.h5", "mine", 16000, waves)
    kind = find_extractor(name)
    made = kind(kind.Params())
    made.batch_seconds = 1.0
    for workers in (1, 2):
        extract(made, FeatureFile(tmp_path / "audio.h5"), tmp_path / f"{workers}.h5", "mine", Workplace(workers))
    assert (tmp_path / "1.h5").read_bytes() == (tmp_path / "2.h5").read_bytes()


def test_each_worker_is_a_process_of_one_thread(audio, tmp_path):
    params = ToyParams(tell="threads")
    extract(Toy(params), audio, tmp_path / "two.h5", "mine", Workplace(2))
    extract(Toy(params), audio, tmp_path / "one.h5", "mine", Workplace(1))
    assert told(tmp_path / "two.h5") == told(tmp_path / "one.h5") == {1}
    extract(Toy(ToyParams(tell="process", pause=0.2)), audio, tmp_path / "who.h5", "mine", Workplace(2))
    assert len(told(tmp_path / "who.h5")) == 2
    assert os.getpid() not in {int(number) for number in told(tmp_path / "who.h5")}


def test_ser_workers_is_obeyed(audio, tmp_path, monkeypatch):
    monkeypatch.setenv("SER_WORKERS", "2")
    extract(Toy(ToyParams(tell="process", pause=0.2)), audio, tmp_path / "two.h5", "mine")
    assert len(told(tmp_path / "two.h5")) == 2
    monkeypatch.delenv("SER_WORKERS")
    extract(Toy(ToyParams(tell="process")), audio, tmp_path / "few.h5", "mine")
    assert told(tmp_path / "few.h5") == {float(np.float32(os.getpid()))}  # too little to share
    assert worker_count() == cores()
    assert worker_count(5) == 5


@pytest.mark.parametrize("said", ["0", "-1", "two", "1.5"])
def test_ser_workers_must_be_a_number(monkeypatch, said):
    monkeypatch.setenv("SER_WORKERS", said)
    with pytest.raises(ParamsError, match=f"SER_WORKERS='{said}': expected a number of workers, 1 or more"):
        worker_count()


@pytest.mark.parametrize("kind", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_any_executor_will_do(audio, tmp_path, kind):
    spawn = {"mp_context": multiprocessing.get_context("spawn")} if kind is ProcessPoolExecutor else {}
    with kind(2, **spawn) as executor:
        extract(Toy(ToyParams()), audio, tmp_path / "out.h5", "mine", Workplace(executor=executor))
        assert executor.submit(len, "open").result() == 4
    extract(Toy(ToyParams()), audio, tmp_path / "straight.h5", "mine")
    assert (tmp_path / "out.h5").read_bytes() == (tmp_path / "straight.h5").read_bytes()


def test_threads_of_one_process_compute_one_after_another(audio, tmp_path):
    """They share the number of numeric threads, and an extractor."""
    with ThreadPoolExecutor(4) as executor:
        extract(
            Toy(ToyParams(tell="threads", pause=0.02)), audio, tmp_path / "out.h5", "mine", Workplace(executor=executor)
        )
    assert told(tmp_path / "out.h5") == {1}


# A model on a device


def test_a_device_that_holds_no_values_is_refused():
    with pytest.raises(ParamsError, match=r"device 'meta' cannot be used \(.*\); see SER_DEVICE or --device"):
        torch_devices("meta")
    assert torch_devices("cpu, cpu") == ["cpu", "cpu"]


def test_a_model_has_a_process_on_each_device(audio, tmp_path):
    params = ToyParams(on_device=True, tell="process")
    extract(Toy(params), audio, tmp_path / "one.h5", "mine", Workplace(2, devices=("cpu",)))
    assert told(tmp_path / "one.h5") == {float(np.float32(os.getpid()))}
    extract(Toy(params), audio, tmp_path / "two.h5", "mine", Workplace(devices=("cpu", "cpu")))
    assert len(told(tmp_path / "two.h5") - told(tmp_path / "one.h5")) == 2
    extract(
        Toy(ToyParams(on_device=True, tell="blas")), audio, tmp_path / "t.h5", "mine", Workplace(devices=("cpu", "cpu"))
    )
    assert max(told(tmp_path / "t.h5")) <= max(1, cores() // 2)


def test_the_device_waits_for_no_disk(audio, tmp_path, monkeypatch):
    """While a batch is computed, the one before is written and the one after is read."""
    computing, written, read, late = [threading.Event() for _ in range(20)], threading.Semaphore(0), [], []
    batches = iter(range(20))

    class Watched(Toy):
        def extract(self, waves):
            number = next(batches)
            computing[number].set()
            if 1 <= number <= 4 and not written.acquire(timeout=10):
                late.append(f"batch {number - 1} is not written while {number} is computed")
            begun = time.monotonic()
            while number <= 4 and len(read) < number + 2 and time.monotonic() - begun < 10:
                time.sleep(0.001)
            if number <= 4 and len(read) < number + 2:
                late.append(f"batch {number + 1} is not read while {number} is computed")
            return super().extract(waves)

    def save(folder, number, piece):
        if number < 4 and not computing[number + 1].wait(timeout=10):
            late.append(f"batch {number + 1} is not computed while {number} is written")
        written.release()
        save_piece(folder, number, piece)

    def waves(*values):
        found = read_waves(*values)
        read.append(found)
        return found

    save_piece, read_waves = computation.save_piece, computation._waves
    monkeypatch.setattr(computation, "save_piece", save)
    monkeypatch.setattr(computation, "_waves", waves)
    extract(Watched(ToyParams(on_device=True)), audio, tmp_path / "out.h5", "mine", Workplace(devices=("cpu",)))
    assert late == []


def test_workers_take_runs_of_batches(audio, tmp_path, monkeypatch):
    """So that they seldom wait for more, and reading ahead and writing behind have something to do inside each."""
    tasks = []
    monkeypatch.setattr(computation, "run_all", lambda executor, task, arguments: tasks.extend(arguments) or iter(()))
    todo = {number: [number % 12] for number in range(100)}
    for devices, workers, sizes in ((["a", "b"], 2, {4}), (["cpu"], 1, {8}), (["cpu"], 100, {1})):
        tasks.clear()
        list(computation._compute_there(None, Work(Toy(ToyParams()), audio, todo, tmp_path), devices, workers))
        assert [number for task in tasks for number in task[4]] == list(todo)
        assert {len(task[4]) for task in tasks[:-1]} == sizes
        assert [task[2] for task in tasks[:4]] == (devices * 4)[:4]


def test_a_pool_takes_runs_and_a_cluster_single_batches(audio, tmp_path, monkeypatch):
    """A cluster's workers are not counted; there may be as many as batches."""
    tasks = []

    def run_all(executor, task, arguments):
        tasks.append(list(arguments))
        return iter(())

    monkeypatch.setattr(computation, "run_all", run_all)
    todo = {number: [number % 12] for number in range(50)}
    with ThreadPoolExecutor(1) as elsewhere:
        for given in (None, elsewhere):
            list(computation.compute(Work(Toy(ToyParams()), audio, todo, tmp_path), Workplace(2, executor=given)))
    assert [len(each) for each in tasks] == [25, 50]


# Killed workers


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs Linux's process table")
@pytest.mark.parametrize("victim", ["worker", "parent"])
def test_a_killed_process_is_one_line_and_the_next_run_goes_on(tmp_path, victim):
    recordings, out = record(tmp_path / "recordings", 30), tmp_path / "out.h5"
    command = ("extract", "toy", recordings, "--workers", 2, "--set", "pause=0.05", "--out")
    process = start(*command, out)
    deadline = time.monotonic() + 60
    while not list((tmp_path / "out.h5.parts").glob("*/*.safetensors")) and time.monotonic() < deadline:
        time.sleep(0.01)
    workers = children(process.pid)
    assert len(workers) == 2
    os.kill(workers[0] if victim == "worker" else process.pid, signal.SIGKILL)
    _, err = process.communicate(timeout=60)
    if victim == "worker":
        assert process.returncode == 1
        assert err == "error: a worker process died (out of memory?); run again to go on, with fewer workers\n"
    while any(Path(f"/proc/{worker}").exists() for worker in workers) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(Path(f"/proc/{worker}").exists() for worker in workers)
    assert not out.exists()
    code, said, _ = ser(*command, out)
    assert code == 0
    assert "before the run was interrupted" in said
    assert ser(*command, tmp_path / "straight.h5")[0] == 0
    assert out.read_bytes() == (tmp_path / "straight.h5").read_bytes()
