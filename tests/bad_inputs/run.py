"""Folders and targets that `ser run` cannot take."""

from bad_inputs.registry import bad_input


def _graph(folder, text):
    (folder / ".dvc").mkdir()
    (folder / ".dvc" / "config").write_text("[core]\n    no_scm = True\n")
    (folder / "dvc.yaml").write_text(text)


@bad_input("a folder to be run: outside any repository of DVC", says="not inside of a DVC repository")
def no_repository(folder):
    return ["run"]


@bad_input("a target to be run: misspelt", says="did you mean 'train-caf'?")
def misspelt(folder):
    _graph(folder, "stages:\n  train-caf: {cmd: echo, outs: [a]}\n")
    return ["run", "train-kaf"]


@bad_input("dvc.yaml to be run: stages that wait for each other", says="both a dependency and an output in stages")
def circle(folder):
    stages = [f"  {name}: {{cmd: echo, deps: [{other}.txt], outs: [{name}.txt]}}\n" for name, other in ("ab", "ba")]
    _graph(folder, "".join(["stages:\n", *stages]))
    return ["run"]


@bad_input("dvc.yaml to be run: cut off", says="dvc.yaml")
def cut(folder):
    _graph(folder, "stages:\n  a: {cmd: echo, outs: [\n")
    return ["run"]


@bad_input("dvc.lock to be run: half-written", says="dvc.lock")
def cut_lock(folder):
    _graph(folder, "stages:\n  a: {cmd: echo, outs: [a.txt]}\n")
    (folder / "dvc.lock").write_text("schema: '2.0'\nstages:\n  a:\n    cmd: [")
    return ["run"]
