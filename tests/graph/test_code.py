"""What of the code a stage depends on: all that it imports, and nothing that changes no result."""

import ast
import os
import subprocess
import sys

import pytest
from conftest import REPOSITORY

from pipeline.corpora import READERS
from pipeline.features import EXTRACTORS
from pipeline.graph.code import NEUTRAL, closure, code_text, is_neutral
from pipeline.systems import systems

ROOMS = (
    *(
        "stages",
        "cli",
        "commands",
        "bench",
        "benchmark",
        "papers",
        "app",
        "serving",
        "report",
        "evaluation",
        "experiments",
        "graph",
        "downloads",
    ),
    *("config", "systems", "extraction", "features", "corpora", "audio", "storage", "jobs"),
)
"""from the top floor down: imports go down"""
GROUND = {"arithmetic", "errors", "paths", "atomic", "strict", "registry"}
"""ground files may be used from everywhere"""


def modules(text):
    return {line.split("  ")[1] for line in text.splitlines()}


def test_every_line_is_a_digest_and_a_module():
    lines = code_text("train-caf.txt").splitlines()
    assert "pipeline/systems/caf.py" in modules(code_text("train-caf.txt"))
    assert all(len(line.split("  ")[0]) == 64 for line in lines)
    assert lines == sorted(lines, key=lambda line: line.split("  ")[1])


def test_what_changes_no_result_is_left_out_and_exists():
    for name in NEUTRAL:
        assert (REPOSITORY / name).exists(), name
    for stage in ("train-caf", "features-mfcc", "evaluate", "report", "manifest-demo"):
        assert not [name for name in modules(code_text(f"{stage}.txt")) if is_neutral(REPOSITORY / name)]


@pytest.mark.parametrize("name", ["pooled", "svm", "mlp", "caf_logmel", "spectrogram", "cnn", "ca_ser", "hump_cat"])
def test_systems_that_only_read_cached_features_depend_on_no_encoder(name):
    encoders = {"batches", "loading", "wav2vec", "whisper", "convolutions", "extractor"}
    assert not modules(code_text(f"train-{name}.txt")) & {f"pipeline/features/ssl/{stem}.py" for stem in encoders}


@pytest.mark.parametrize("name", systems())
def test_a_training_depends_on_no_decoder_reader_or_extraction(name):
    imported = modules(code_text(f"train-{name}.txt"))
    assert not [m for m in imported if m.startswith(("pipeline/extraction/", "pipeline/corpora/listing"))]
    assert "pipeline/audio/decoding.py" not in imported
    assert {"stages/train.py", "pipeline/experiments/cross_validation.py", "pipeline/systems/view.py"} <= imported


def test_a_layer_is_in_the_digests_of_the_systems_that_use_it_alone():
    assert users("pipeline/systems/layers/dpcnn.py") == {"caf", "caf_logmel"}
    assert users("pipeline/systems/layers/deformable_attention.py") == {"serct"}


def users(module):
    return {name for name in systems() if module in modules(code_text(f"train-{name}.txt"))}


@pytest.mark.parametrize("reader", sorted(READERS))
def test_a_list_of_recordings_depends_on_no_feature_system_or_score(reader):
    rooms = {module.split("/")[1] for module in modules(code_text(f"manifest-{reader}.txt"))}
    assert not rooms & {"features", "extraction", "systems", "experiments", "evaluation", "config"}


def test_an_extractor_depends_on_no_other():
    for name in EXTRACTORS:
        others = {f"pipeline/features/{other}.py" for other in EXTRACTORS if other != name}
        assert not modules(code_text(f"features-{name}.txt")) & (others - {"pipeline/features/logmel.py"}), name


@pytest.mark.slow
def test_every_imported_module_is_in_the_closure(tmp_path):
    """What a stage really loads is in its digest, or is said to change no result."""
    code = (
        "import sys, importlib; importlib.import_module(sys.argv[1]); importlib.import_module(sys.argv[2]); "
        "own = [m for n, m in sys.modules.items() if n.split('.')[0] in ('pipeline', 'stages')]; "
        "print(*[m.__file__ for m in own if m.__file__])"
    )
    neutral = {str(path) for path in REPOSITORY.rglob("*.py") if is_neutral(path)}
    for stage, other, file in (
        ("stages.train", "pipeline.systems.caf", "train-caf.txt"),
        ("stages.features", "pipeline.features.mfcc", "features-mfcc.txt"),
        ("stages.manifest", "pipeline.corpora.ravdess", "manifest-ravdess.txt"),
        ("stages.evaluate", "stages.evaluate", "evaluate.txt"),
        ("stages.report", "stages.report", "report.txt"),
    ):
        done = subprocess.run(
            [sys.executable, "-c", code, stage, other],
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            capture_output=True,
            text=True,
            check=True,
            cwd=tmp_path,
        )
        loaded = set(done.stdout.split()) - neutral
        # Params are checked by modules that change no result; what those alone load is not of the stage.
        beside = {str(path) for path in _loaded_by_neutral()}
        assert loaded - beside <= {str(REPOSITORY / name) for name in modules(code_text(file))} | beside


def test_a_template_is_in_the_digest_of_the_stage_that_fills_it_in_and_of_no_other():
    assert "pipeline/report/page/templates/page.html" in modules(code_text("report.txt"))
    assert not [name for name in modules(code_text("evaluate.txt")) if "/templates/" in name]


def _loaded_by_neutral():
    roots = [path for name in NEUTRAL for path in (REPOSITORY / name).glob("*.py")]
    roots += [REPOSITORY / name for name in NEUTRAL if name.endswith(".py")]
    found = set()
    for root in roots:
        for node in ast.walk(ast.parse(root.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pipeline"):
                place = REPOSITORY.joinpath(*node.module.split("."))
                found |= set(
                    closure([path for path in (place / "__init__.py", place.with_suffix(".py")) if path.is_file()])
                )
    return found


def _arrows():
    for path in [*sorted((REPOSITORY / "pipeline").rglob("*.py")), *sorted((REPOSITORY / "stages").glob("*.py"))]:
        parts = path.relative_to(REPOSITORY).with_suffix("").parts
        room = parts[0] if parts[0] == "stages" else parts[1]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "pipeline":
                names = [node.module] if "." in node.module else [f"pipeline.{alias.name}" for alias in node.names]
                for name in names:
                    yield path, room, name.split(".")[1]


def test_imports_go_down_the_house():
    wrong = [
        f"{path.relative_to(REPOSITORY)}: {room} imports {other}"
        for path, room, other in _arrows()
        if other not in GROUND and other != "__version__" and room != other
        and (room in GROUND or (room in ROOMS and ROOMS.index(other) < ROOMS.index(room)))
    ]  # fmt: skip
    assert wrong == []


def test_rooms_and_files_are_small():
    rooms = {path.name for path in (REPOSITORY / "pipeline").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert rooms <= set(ROOMS)
    long = {
        str(path.relative_to(REPOSITORY)): count
        for folder in ("pipeline", "stages", "tests")
        for path in (REPOSITORY / folder).rglob("*.py")
        if (count := len(path.read_text(encoding="utf-8").splitlines())) > (60 if folder == "stages" else 400)
    }
    assert long == {}
