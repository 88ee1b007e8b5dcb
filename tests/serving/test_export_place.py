"""What `ser export` refuses before it does anything: places that hold something else, and names without models."""

import os
import shutil
from pathlib import Path
from zipfile import ZipFile

import pytest
from click.testing import CliRunner

from pipeline.cli import main
from pipeline.errors import ParamsError, UserError
from pipeline.serving.archive import pack
from pipeline.serving.export import check_place

PARAMS = Path(__file__).parents[2] / "params.yaml"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working folder, with an export as a folder and as a .zip."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a/branches/one").mkdir(parents=True)
    for name in ("model.json", "README.md", "model.onnx", "card.json", "branches/one/fold_00.safetensors"):
        (tmp_path / "a" / name).write_text("{}")
    pack(tmp_path / "a", tmp_path / "a.zip")
    (tmp_path / "empty").mkdir()
    return tmp_path


def mixed(folder):
    with ZipFile(folder / "mixed.zip", "w") as archive:
        archive.writestr("model.json", "{}")
        archive.writestr("notes.txt", "dear diary")


@pytest.mark.parametrize("name", ["a", "a.zip", "empty", "new", "new.zip", "deep/new", "pooled.v1"])
def test_a_new_place_and_an_older_export_are_taken(folder, name):
    before = sorted(folder.rglob("*"))
    check_place(Path(name))
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize(
    ("name", "make", "says"),
    [
        ("x.zip", lambda f: (f / "x.zip").write_text("x\n"), "x.zip: is a file that holds something else than an exp"),
        ("x.zip", lambda f: (f / "x.zip").write_bytes(b""), "x.zip: is a file that holds something else than an exp"),
        ("mixed.zip", mixed, r"mixed.zip: is a file that holds something else than an export \('notes.txt'\)"),
        ("notes", lambda f: (f / "notes").write_text("x\n"), "notes: is a file that holds something else than an exp"),
        ("pipe.zip", lambda f: os.mkfifo(f / "pipe.zip"), "pipe.zip: is a file that holds something else than an exp"),
        ("a", lambda f: (f / "a/notes.txt").write_text("x\n"), r"a: is a folder that holds .* \('notes.txt'\)"),
        ("x", lambda f: shutil.copytree(f / "a", f / "x/.git"), r"x: is a folder that holds .* \('\.git/README.md'\)"),
        ("/dev/null", lambda f: None, "--to /dev/null: is a file that holds something else than an export"),
    ],
)
def test_what_is_no_export_is_not_replaced(folder, name, make, says):
    make(folder)
    with pytest.raises(UserError, match=says):
        check_place(Path(name))


@pytest.mark.parametrize("name", ["a.tar.gz", "a.tgz", "A.TAR", "", ".", ".."])
def test_a_name_of_no_folder_and_no_zip(folder, name):
    with pytest.raises(ParamsError, match=r"^--to .*; give .*FILE\.zip"):
        check_place(Path(name))


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("zero_shot_de", "zero_shot_de: is zero-shot, and has no models but those of its source; `ser export hump_cat"),
        ("zero_shot_ed", "zero_shot_ed: is no experiment or fusion of params.yaml (did you mean 'zero_shot_de'?)"),
        ("tuned_de", "tuned_de: is not trained yet"),
    ],
)
def test_a_name_without_models(folder, name, says):
    shutil.copy(PARAMS, folder)
    done = CliRunner().invoke(main, ["export", name])
    assert done.exit_code in (1, 2)
    assert says in done.stderr
