"""Bring dvc.yaml and dvc.lock up to date with the stages that params.yaml asks for."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from pipeline.graph import dvc_lock, dvc_yaml
from pipeline.graph.stage import Stage


def bring_up_to_date(stages: Sequence[Stage]) -> dvc_yaml.Difference:
    """Write dvc.yaml, take what no stage makes out of dvc.lock, and remove what they left in metrics/.

    Returns:
        What changed.
    """
    before = dvc_yaml.read()
    changes = dvc_yaml.difference(stages, before)
    text = dvc_yaml.written(stages, before)
    lock = dvc_lock.pruned(stages, before.users())
    if text != before.text:
        dvc_yaml.write(text)
    if lock is not None:
        dvc_yaml.write(lock, dvc_lock.FILE)
    wanted = {path for stage in stages for path in stage.paths()}
    for name in before.own():
        for path in before.outs_in_git(name):
            if path not in wanted:
                _remove(Path(path))
    return changes


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
