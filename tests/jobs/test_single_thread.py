"""Numeric libraries have one thread while a task computes, those too that are imported on the way."""

import subprocess
import sys

CODE = """
import os
from threadpoolctl import threadpool_info
from pipeline.jobs.executors import single_thread

counts = lambda: [pool["num_threads"] for pool in threadpool_info()]
import numpy
with single_thread(torch=False):
    print({*counts()})
import sklearn.linear_model
more = counts()
with single_thread(torch=False), single_thread(torch=False):
    print({*counts()}, len(counts()) == len(more))
print(counts() == more, max(more) > 1 or os.cpu_count() == 1)
"""


def test_libraries_are_kept_to_one_thread_and_let_go(monkeypatch):
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True)
    assert done.stdout == "{1}\n{1} True\nTrue True\n", done.stderr


IN_THREADS = """
import os, threading
from torch import get_num_threads
from pipeline.jobs.executors import single_thread, undisturbed

def task(many, one):
    with undisturbed():
        many.append(get_num_threads())
    with single_thread():
        one.append(get_num_threads())

first = get_num_threads()
for _ in range(2):
    many, one = [], []
    tasks = [threading.Thread(target=task, args=(many, one)) for _ in range(3)]
    task(many, one)
    for each in tasks:
        each.start()
    for each in tasks:
        each.join()
    print({*many} == {first}, {*one} == {1})
print(get_num_threads() == first, first > 1 or os.cpu_count() == 1)
"""


def test_torch_has_as_many_threads_afterwards_in_new_threads_too(monkeypatch):
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    done = subprocess.run([sys.executable, "-c", IN_THREADS], capture_output=True, text=True)
    assert done.stdout == "True True\nTrue True\nTrue True\n", done.stderr
