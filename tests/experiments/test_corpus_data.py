"""`load_corpus`: a corpus of the project as X, y and groups; and what it says of what is not there."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from conftest import REPOSITORY
from toy_project import write_project

from pipeline import load_corpus, paths
from pipeline.corpora import manifest
from pipeline.errors import ParamsError, UserError
from pipeline.storage.feature_file import FeatureFile
from pipeline.systems.pooled import Pooled

DVC_YAML = """\
stages:
  features-demo_en-mfcc_40: {cmd: python -m stages.features demo_en mfcc_40}
  manifest-demo_de: {cmd: python -m stages.manifest demo_de}
"""


@pytest.fixture(autouse=True)
def rows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").write_text(DVC_YAML, encoding="utf-8")
    return write_project(tmp_path)


def test_a_corpus_is_the_manifests_rows_and_their_features(rows):
    X, y, groups = load_corpus("demo_en", features=["mfcc_39", "tiny"])
    assert X.keys.tolist() == [row.key for row in rows]
    assert (y.tolist(), groups.tolist()) == ([row.emotion for row in rows], [row.speaker for row in rows])
    assert (X.roles, X.dims("mfcc"), X.streams("ssl")) == (["mfcc", "ssl"], 5, ["layer_01", "layer_09"])
    np.testing.assert_array_equal(
        X.arrays("mfcc")[3], FeatureFile(paths.feature_file("demo_en", "mfcc_39", False)).row(3)
    )
    assert X.groups("speaker") == groups.tolist()
    assert Pooled(normalisation="per_speaker").fit(X, y).predict(X).shape == (16,)


def test_a_role_may_be_named_and_the_project_be_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    X, _, _ = load_corpus("demo_en", features={"mfcc": "lpcc_24", "logmel": "logmel_224"}, project=tmp_path)
    assert X.source("mfcc").header.extractor == "lpcc"
    assert repr(X) == "View(16 utterances, 4 speakers, mfcc 6, logmel 16)"


def test_a_class_set_chooses_and_merges():
    X, y, groups = load_corpus("demo_en", ["mfcc_39"], emotions=["sad", {"aroused": ["angry", "happy"]}])
    assert sorted({*y.tolist()}) == ["aroused", "sad"]
    assert len(X) == len(y) == len(groups) == 12


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            ("demo_eng", ["mfcc_39"]),
            ParamsError,
            r"has no corpus 'demo_eng' \(did you mean 'demo_en'\?\)",
        ),
        (
            ("demo_de", ["mfcc_39"]),
            UserError,
            r"demo_de.jsonl: is not there yet; `dvc repro manifest-demo_de`",
        ),
        (("demo_en", ["mfc_39"]), ParamsError, r"no feature of demo_en 'mfc_39' \(did you mean 'mfcc_39'\?\).*`keep`"),
        (("demo_en", ["mfcc_40"]), UserError, r"`dvc repro features-demo_en-mfcc_40` makes it$"),
        (("demo_en", "mfcc_39"), ParamsError, "should be a list of names"),
        (("demo_en", []), ParamsError, "should be a list of names"),
        (("demo_en", ["lpcc_24"]), ParamsError, "'lpcc_24' is made by lpcc, which has no role of its own; say which"),
        (("demo_en", ["mfcc_39", "mfcc_39"]), ParamsError, "'mfcc_39' is a second mfcc; say which it fills"),
        (("demo_en", {"mfc": "mfcc_39"}), ParamsError, r"unknown role 'mfc' \(did you mean 'mfcc'\?\)"),
        (
            ("demo_en", ["mfcc_39"], ["sad", "hapy"]),
            ParamsError,
            r"^emotions: 'hapy' is no label \(did you mean",
        ),
        (("demo_en", ["mfcc_39"], ["sad", "bored"]), UserError, "no recording of corpus toy is 'bored'"),
    ],
)
def test_what_is_not_there_is_said_with_what_to_do(arguments, error, message):
    with pytest.raises(error, match=message) as caught:
        load_corpus(*arguments)
    assert "\n" not in str(caught.value)


def test_the_package_imports_nothing_before_it_is_asked():
    code = (
        "import sys, pipeline; print(sorted({'numpy', 'sklearn', 'torch', 'h5py'} & set(sys.modules)));"
        "print([name for name in pipeline.__all__ if not callable(getattr(pipeline, name))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY, timeout=60, check=False
    )
    assert done.stdout == "[]\n[]\n", done.stderr
    with pytest.raises(ImportError, match="load_corpse"):
        from pipeline import load_corpse  # noqa: F401


def test_several_corpora_are_loaded_as_one(tmp_path):
    write_project(tmp_path, "demo_de")
    for name in ("demo_de", "demo_en"):
        rows = [replace(row, dataset=name) for row in manifest.read(tmp_path / paths.manifest(name))]
        manifest.write(tmp_path / paths.manifest(name), rows)
    X, y, speakers = load_corpus(["demo_en", "demo_de"], ["mfcc_39", "tiny"], project=tmp_path)
    assert (len(X), X.keys[0], X.keys[16]) == (32, "demo_en/s0-angry-0", "demo_de/s0-angry-0")
    assert (len(y), {*speakers}) == (32, {f"{corpus}/s{i}" for corpus in ("demo_en", "demo_de") for i in range(4)})
    assert X.groups("corpus") == ["demo_en"] * 16 + ["demo_de"] * 16
    assert X.groups("content")[:16] == X.groups("content")[16:]  # the same noise
