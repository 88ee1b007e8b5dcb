"""Worker processes of a command that runs, by Linux's process table."""

from pathlib import Path


def children(process):
    """Process ids of the worker processes of a process."""
    workers = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == process and "spawn_main" in (entry / "cmdline").read_text():
                workers.append(int(entry.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return workers
