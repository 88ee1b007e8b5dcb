"""Exports as .zip: written the same every time, and read as a stranger's."""

import os
import stat
from zipfile import ZIP_DEFLATED, ZIP_LZMA, ZipFile, ZipInfo

import pytest

from pipeline.errors import UserError
from pipeline.serving.archive import pack, unpacked


def export(folder):
    for name, data in {
        "model.json": b"{}",
        "README.md": b"# a",
        "branches/a-1/fold_00.safetensors": b"1" * 999,
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def test_a_folder_comes_back_from_its_zip_whose_bytes_know_no_time(tmp_path):
    folder = export(tmp_path / "a")
    pack(folder, tmp_path / "a.zip")
    for file in folder.rglob("*"):
        os.utime(file, (1e9, 1e9))
    pack(folder, tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with unpacked(tmp_path / "a.zip") as there:
        files = {path.relative_to(there): path.read_bytes() for path in there.rglob("*") if path.is_file()}
    assert files == {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert not there.exists()


def link(name):
    member = ZipInfo(name)
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    return member


@pytest.mark.parametrize(
    ("member", "data", "says"),
    [
        ("../out.json", "x", r"holds '\.\./out\.json', which no export does"),
        ("/etc/passwd", "x", "holds '/etc/passwd'"),
        ("branches/../../fold_00.safetensors", "x", "which no export does"),
        ("branches/../card.json", "x", "which no export does"),
        ("branches\\..\\card.json", "x", "which no export does"),
        ("model.pkl", "x", r"holds 'model\.pkl'"),
        ("model.json\n", "x", "which no export does"),
        (link("card.json"), "/etc/passwd", r"holds 'card\.json', which no export does"),
        ("fold_00.safetensors", bytes(10**9 // 4), "fold_00.safetensors says 250000000 bytes, too many"),
        ("card.json", bytes(3 << 20), "card.json says 3145728 bytes, too many"),
    ],
)
def test_a_zip_that_means_harm(tmp_path, member, data, says):
    with ZipFile(tmp_path / "a.zip", "w", ZIP_DEFLATED) as archive:
        archive.writestr("model.json", "{}")
        archive.writestr(member, data, ZIP_DEFLATED)
    with pytest.raises(UserError, match=says), unpacked(tmp_path / "a.zip"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def test_what_is_no_zip_or_no_export(tmp_path):
    path = tmp_path / "a.zip"
    pack(export(tmp_path / "a"), path)
    whole = path.read_bytes()
    with ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("a/model.json", "{}")
    with ZipFile(tmp_path / "c.zip", "w", ZIP_LZMA) as archive:
        archive.writestr("model.json", "{}" * 99)
    for data, says in (
        (b"PK", "cannot be read as a .zip"),
        (whole[:-40], "cannot be read as a .zip"),
        (whole.replace(b"1" * 999, b"1" * 998 + b"2"), "cannot be read as a .zip"),
        ((tmp_path / "b.zip").read_bytes(), "has no model.json, so it is no export"),
        ((tmp_path / "c.zip").read_bytes(), "model.json is compressed in an unusual way"),
    ):
        path.write_bytes(data)
        with pytest.raises(UserError, match=says), unpacked(path):
            pass
