"""What a system's results may depend on: the modules that it imports, and those that these import."""

import ast
from functools import cache
from pathlib import Path

import pytest
from conftest import REPOSITORY

from pipeline.systems import systems

SSL = "pipeline.features.ssl"
NO_STATES = (
    "caf_logmel",
    "cnn",
    "cnn_bilstm",
    "lstm",
    "mlp",
    "pooled",
    "serct",
    "spectrogram",
    "svm",
)
CACHED_STATES = (
    "ca_ser",
    "hump_cat",
    "hump_cat_acoustic",
    "hump_cat_spectral",
    "hump_cat_ssl",
    "hump_cat_ssl_mfcc",
    "hump_cat_ssl_prosody",
)
PRETRAINED_BLOCKS = ("caf", "caf_ssl", "wav2vec", "wav2vec_end_to_end")
ENCODERS = {f"{SSL}.{name}" for name in ("batches", "convolutions", "extractor", "loading", "wav2vec", "whisper")}


def source(module):
    """The file of a module of the package; None where there is none."""
    path = REPOSITORY.joinpath(*module.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def only_for_types(node):
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def statements(tree):
    """All nodes, those of functions too, but for what only a type checker runs."""
    for node in ast.iter_child_nodes(tree):
        if not only_for_types(node):
            yield node
            yield from statements(node)


@cache
def imported(module):
    """The modules of the package that a module imports; a module's packages come with it."""
    names = set()
    for node in statements(ast.parse(source(module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module}: a relative import"
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    names |= {name.rsplit(".", up)[0] for name in names for up in range(1, name.count(".") + 1)}
    return {name for name in names if name.startswith("pipeline") and source(name)}


def closure(module):
    seen, ahead = set(), [module]
    while ahead:
        name = ahead.pop()
        if name not in seen:
            seen.add(name)
            ahead += imported(name)
    return seen


@pytest.mark.parametrize("name", NO_STATES)
def test_what_reads_no_states_depends_on_no_encoder(name):
    assert [module for module in closure(systems()[name].module) if module.startswith(SSL)] == []


@pytest.mark.parametrize("name", CACHED_STATES)
def test_what_reads_cached_states_depends_on_their_names_only(name):
    modules = closure(systems()[name].module)
    assert not modules & ENCODERS
    assert {module for module in modules if module.startswith(SSL)} == {SSL, f"{SSL}.streams"}


@pytest.mark.parametrize("name", PRETRAINED_BLOCKS)
def test_what_trains_pretrained_blocks_depends_on_the_encoder(name):
    assert {f"{SSL}.loading", f"{SSL}.wav2vec"} <= closure(systems()[name].module)


@pytest.mark.parametrize("name", [*NO_STATES, *CACHED_STATES, *PRETRAINED_BLOCKS])
def test_a_system_depends_on_no_other_but_those_it_is_made_of(name):
    made_of = {
        "caf": {"caf_base", "caf_logmel", "caf_ssl"},
        "caf_logmel": {"caf_base"},
        "caf_ssl": {"caf_base"},
        "wav2vec_end_to_end": {"wav2vec"},
        **{variant: {"hump_cat"} for variant in CACHED_STATES if variant.startswith("hump_cat_")},
    }
    files = {entry.module for entry in systems().values()} | {"pipeline.systems.caf_base"}
    others = closure(systems()[name].module) & files - {systems()[name].module}
    assert {module.rpartition(".")[2] for module in others} == made_of.get(name, set())


def test_imports_inside_functions_count_and_those_for_types_do_not():
    assert f"{SSL}.loading" in imported(f"{SSL}.extractor")
    assert "pipeline.storage.feature_file" not in imported(f"{SSL}.streams")
    assert {"pipeline", "pipeline.features", "pipeline.features.base"} <= imported("pipeline.features.logmel")


def test_every_module_of_the_package_can_be_read():
    for path in sorted(Path(REPOSITORY / "pipeline").rglob("*.py")):
        imported(".".join(path.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(".__init__"))
