"""The memory that features are kept in by default: trainings at the same time share it."""

from pipeline.jobs.executors import cores, open_executor, run_all
from pipeline.systems.training.batches import memory_budget


def test_trainings_in_worker_processes_share_the_memory_for_features(monkeypatch):
    monkeypatch.delenv("SER_MEMORY", raising=False)
    monkeypatch.setenv("SER_WORKERS", str(cores()))
    alone = memory_budget()
    with open_executor(2, 2, cluster="") as pool:
        assert [*run_all(pool, memory_budget, [(), ()])] == [alone // 2, alone // 2]
    assert memory_budget() == alone
    monkeypatch.setenv("SER_MEMORY", "0.5")
    with open_executor(2, 2, cluster="") as pool:
        assert [*run_all(pool, memory_budget, [(), ()])] == [1 << 29, 1 << 29]


def test_stages_at_the_same_time_share_the_memory_for_features_as_they_share_the_cores(monkeypatch):
    monkeypatch.delenv("SER_MEMORY", raising=False)
    monkeypatch.setattr("pipeline.jobs.executors.cores", lambda: 8)
    found = {}
    for count in ("", "8", "16", "2"):
        monkeypatch.setenv("SER_WORKERS", count)
        found[count] = memory_budget()
    assert found[""] == found["8"] == found["16"]
    assert found["2"] == found["8"] // 4
