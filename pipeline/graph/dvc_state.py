"""What DVC leaves half-written when it is killed, and then refuses to start with: mended where no DVC runs.

DVC empties and rewrites two files in place: `.dvc/tmp/rwlock`, where its processes say what they read and write
(`_edit_rwlock` of dvc/rwlock.py), and dvc.lock after each stage (`dump_stages` of dvc/dvcfile.py).
"""

import json
from pathlib import Path

from pipeline.errors import UserError
from pipeline.graph import dvc_lock, dvc_yaml


def broken(project: Path = Path()) -> list[Path]:
    """The files that a killed DVC left empty or half-written."""
    files = [(_rwlock(project), _is_cut), (project / dvc_lock.FILE, dvc_lock.is_cut)]
    return [path for path, is_cut in files if path.is_file() and is_cut(path.read_bytes())]


def mend(project: Path = Path()) -> list[str]:
    """Mend what is broken: an rwlock is removed, as nobody holds it; of dvc.lock the whole stages are kept.

    DVC takes the models of the other stages from its cache, and features keep their rows: nothing long runs again.

    Returns:
        What was done, a line each.

    Raises:
        UserError: a DVC process of this project runs, whose files these may be.
    """
    files = broken(project)
    if files and (pid := _running(_root(project))):
        raise UserError(f"{files[0]}: is half-written, and DVC runs here (process {pid}); run again when it has ended")
    return [_mended(path) for path in files]


def _mended(path: Path) -> str:
    cut = "half-written by a DVC that was killed"
    rest = dvc_lock.whole_stages(path.read_bytes()) if path.name == dvc_lock.FILE.name else ""
    if rest:
        dvc_yaml.write(rest, path)
        return f"mended   {path}, {cut}: what is not whole is taken out; `dvc repro` looks at it again"
    path.unlink()
    return f"removed  {path}, {cut}"


def _root(project: Path) -> Path:
    """The folder of DVC's repository that a project is in, or the project's own."""
    here = project.resolve()
    return next((folder for folder in (here, *here.parents) if (folder / ".dvc").is_dir()), here)


def _rwlock(project: Path) -> Path:
    root = _root(project)
    return (project if root == project.resolve() else root) / ".dvc" / "tmp" / "rwlock"


def _is_cut(data: bytes) -> bool:
    """Whether a JSON text is not whole."""
    try:
        json.loads(data)
    except ValueError:
        return True
    return False


def _running(root: Path) -> int | None:
    """A process of DVC, or `ser run`, whose working folder is in the repository; it holds no lock while a stage runs.

    Its daemon, which sends its statistics after a command has ended, writes neither file.
    """
    import psutil

    for process in psutil.process_iter(["cmdline", "cwd"]):
        words = process.info["cmdline"] or []
        programs = {_program(word) for word in words[:3]}
        is_dvc = programs & {"dvc", "dvc.exe"} and "daemon" not in words
        is_run = programs & {"ser", "ser.exe", "pipeline.cli", "pipeline"} and "run" in words
        if (is_dvc or is_run) and Path(process.info["cwd"] or "/").is_relative_to(root):
            return int(process.pid)
    return None


def _program(word: str) -> str:
    """The name of a program in a command line: `python -m dvc` is .../dvc/__main__.py."""
    path = Path(word)
    return path.parent.name if path.name == "__main__.py" else path.name
