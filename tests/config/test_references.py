"""What does not fit between the sections of params.yaml: names of nothing, of two things, and of the wrong thing."""

import pytest
import yaml
from conftest import PARAMS
from params_files import edited, line_of, mistakes

from pipeline.config.document import validated

POOLED = {"system": "pooled", "corpus": "mine", "protocol": "loso", "logmel": "mel"}


@pytest.fixture
def wrong(tmp_path):
    """The only problem of a file in block style, and the key it has the line of."""

    def wrong(text):
        ((line, problem),) = mistakes(tmp_path / "params.yaml", text)
        key = problem.partition(": ")[0]
        keys = [key.rsplit(".", n)[0] for n in range(key.count(".") + 1)]
        return next(found for found in keys if has_line(text, found, line)), problem

    return wrong


def has_line(text, key, line):
    try:
        return line_of(text, key) == line
    except StopIteration:
        return False


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("corpora.mine.reader", "foldr", "'foldr' is not in the corpus readers (did you mean 'folder'?); known: "),
        ("copies.loud.source", "min", "'min' is not in corpora (did you mean 'mine'?); known: mine"),
        ("experiments.statistics.system", "poled", "'poled' is not in the systems (did you mean 'pooled'?); known: "),
        ("experiments.statistics.corpus", "yours", "'yours' is not in corpora; known: mine"),
        ("experiments.picture.corpus", "loud", "'loud' is not in corpora; known: mine"),
        ("experiments.picture.protocol", "delt", "'delt' is not in protocols (did you mean 'dealt'?); known: loso, de"),
        ("experiments.picture.copies", "loude", "'loude' is not in copies (did you mean 'loud'?); known: loud"),
        ("experiments.picture.copies", "mine", "'mine' is not in copies; known: loud"),
        (
            "experiments.picture.logmel",
            "mell",
            "'mell' is not in features (did you mean 'mel'?); known: mel, ",
        ),
        ("experiments.picture.logmel", "cepstra", "'cepstra' is made by mfcc, and this role takes logmel"),
        ("experiments.picture.logmel", "tiny", "'tiny' is made by ssl, and this role takes logmel"),
        ("experiments.statistics.ssl", "tinny", "'tinny' is not in embeddings (did you mean 'tiny'?)"),
        ("experiments.statistics.waveform", "mel", "is not taken by pooled; it takes logmel (optional), mfcc (option"),
        ("experiments.picture.mfcc", "cepstra", "is not taken by spectrogram; it takes logmel"),
        (
            "fusions.both.of",
            ["statistics", "agaain"],
            "'agaain' is not in experiments or fusions (did you mean ",
        ),
        ("fusions.both.of", ["again", "mine"], "'mine' is not in experiments or fusions; known: statistics, again, "),
    ],
)
def test_a_name_of_nothing(wrong, key, value, message):
    where, problem = wrong(edited(key, value))
    assert where == key
    assert problem.startswith(f"{key}: {message}")


@pytest.mark.parametrize(
    ("key", "entry", "problem"),
    [
        ("experiments.new", {**POOLED, "logmel": ""}, "reads no features; pooled takes one or more of logmel, mfcc, "),
        (
            "experiments.new.logmel",
            {**POOLED, "system": "spectrogram", "logmel": ""},
            "is missing; spectrogram takes ",
        ),
    ],
)
def test_an_experiment_without_what_its_system_reads(wrong, key, entry, problem):
    where, said = wrong(edited("experiments.new", entry))
    assert said.startswith(f"{key}: {problem}")
    assert where == key


@pytest.mark.parametrize(
    ("conditions", "test_on", "message"),
    [
        (
            {"noise": {"snr": 10}},
            ["nois"],
            "experiments.picture.test_on: 'nois' is not in conditions (did you mean 'noise'",
        ),
        ({}, ["loud"], "experiments.picture.test_on: 'loud' is not in conditions; known: none"),
        ({"clean": {"snr": 10}}, [], "conditions.clean: is what recordings are as they are; choose another name"),
        ({"noise": {"snr": 10}}, ["noise", "noise"], "experiments.picture.test_on: has a condition twice"),
        ({"a/b": {"snr": 10}}, [], "conditions.a/b: name 'a/b' may hold only letters, digits, '_' and '-'"),
        ({"noise": {}}, ["noise"], "conditions.noise: has none of snr, band, rate and mp3"),
        ({"noise": {"snrs": 1}}, [], "conditions.noise.snrs: unknown key (did you mean 'snr'?)"),
    ],
)
def test_conditions(conditions, test_on, message):
    data = yaml.safe_load(PARAMS)
    data["experiments"]["picture"]["test_on"] = test_on
    _, (problem,) = validated({**data, "conditions": conditions})
    assert problem.startswith(message)


def test_copies_of_another_corpus(wrong):
    text = edited("corpora.yours", {"reader": "folder", "root": "x"})
    text = text.replace("    source: mine", "    source: yours")
    assert wrong(text) == (
        "experiments.picture.copies",
        "experiments.picture.copies: 'loud' are copies of 'yours', not of 'mine'",
    )


def test_an_unknown_corpus_is_one_mistake_though_there_are_copies(wrong):
    where, problem = wrong(edited("experiments.picture.corpus", "yours"))
    assert (where, problem) == (
        "experiments.picture.corpus",
        "experiments.picture.corpus: 'yours' is not in corpora; known: mine",
    )


def test_features_with_a_mistake_of_their_own_bring_no_other(wrong):
    """An entry that is wrong in itself is known by its name."""
    assert wrong(edited("features.mel.n_mels", 0))[0] == "features.mel.n_mels"
    assert wrong(edited("features.mel.extractor", "logmell"))[0] == "features.mel.extractor"


# --- names ---


@pytest.mark.parametrize("section", ["demo", "corpora", "copies", "features", "embeddings", "protocols"])
@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("my corpus", "name 'my corpus' may hold only letters, digits, '_' and '-'"),
        ("a/b", "name 'a/b' may hold only"),
        ("../up", "name '../up' may hold only"),
        ("a.b", "name 'a.b' may hold only"),
        ("a@b", "name 'a@b' may hold only"),
        ("${x}", "name '${x}' may hold only"),
        ("ä", "name 'ä' may hold only"),
        ("音声", "name '音声' may hold only"),
        ("", "name '' may hold only"),
        ("-", "name '-' begins with '-', as options do"),
        ("--help", "name '--help' begins with '-', as options do"),
        ("x" * 101, f"name '{'x' * 20}'... has 101 characters, and 100 are the most"),
    ],
)
def test_names_become_parts_of_file_names(tmp_path, section, name, problem):
    entry = {
        "demo": "{language: en, voices: 2, sentences: 1}",
        "corpora": "{reader: folder, root: x}",
        "copies": "{source: mine, snr: [3]}",
        "features": "{extractor: prosody}",
        "embeddings": "{model: tiny, layers: [1]}",
        "protocols": "{scheme: leave_one_speaker_out}",
    }[section]
    text = PARAMS.replace(f"{section}:\n", f"{section}:\n  {name!r}: {entry}\n")
    ((line, said),) = mistakes(tmp_path / "params.yaml", text)
    assert said.startswith(f"{section}.{name}: {problem}")
    assert text.splitlines()[line - 1].startswith(f"  {name!r}: ")


@pytest.mark.parametrize("section", ["experiments", "fusions"])
def test_names_of_experiments_and_fusions_too(tmp_path, section):
    entry = POOLED if section == "experiments" else {"of": ["statistics", "again"], "fit_on": "validation"}
    text = PARAMS.replace(f"{section}:\n", f"{section}:\n  ä b: {entry}\n")
    ((line, problem),) = mistakes(tmp_path / "params.yaml", text)
    assert problem.startswith(f"{section}.ä b: name 'ä b' may hold only")
    assert text.splitlines()[line - 1].startswith("  ä b: ")


@pytest.mark.parametrize(
    ("key", "entry", "problem"),
    [
        (
            "embeddings.mel",
            {"model": "tiny", "layers": [1]},
            "is the name of an entry of features too, and features ",
        ),
        (
            "copies.mine",
            {"source": "mine", "snr": [1]},
            "is the name of an entry of corpora too, and corpora ",
        ),
        ("fusions.again", {"of": ["statistics", "picture"]}, "is the name of an entry of experiments too, and "),
    ],
)
def test_names_that_two_sections_share(tmp_path, key, entry, problem):
    said = mistakes(tmp_path / "params.yaml", text := edited(key, entry))
    found = [(line, one) for line, one in said if one.startswith(f"{key}: {problem}")]
    assert [line for line, _ in found] == [line_of(text, key)]
    assert found[0][1].endswith("; choose another")


def test_other_sections_share_no_names(tmp_path):
    """A corpus, a feature, a protocol and an experiment of one name are four things."""
    text = edited("protocols.mine", {"scheme": "leave_one_speaker_out"}).replace("  mel:\n", "  mine:\n")
    text = text.replace("logmel: mel", "logmel: mine").replace("  picture:\n", "  mine:\n") + "seeds: 3\n"
    assert [problem.partition(":")[0] for _, problem in mistakes(tmp_path / "params.yaml", text)] == ["seeds"]


# --- fusions ---


def fused(**fusions):
    """PARAMS with these fusions: name -> branches."""
    return edited("fusions", {name: {"of": of, "fit_on": "validation"} for name, of in fusions.items()})


@pytest.mark.parametrize(
    ("fusions", "names"),
    [
        ({"one": ["one", "again"]}, ["one"]),
        ({"one": ["two", "again"], "two": ["one", "again"]}, ["one", "two"]),
        ({"one": ["two", "again"], "two": ["three", "again"], "three": ["again", "one"]}, ["one", "two", "three"]),
    ],
)
def test_fusions_of_themselves(tmp_path, fusions, names):
    text = fused(**fusions)
    assert mistakes(tmp_path / "params.yaml", text) == [
        (line_of(text, f"fusions.{name}.of"), f"fusions.{name}.of: {name!r} would be fused with itself")
        for name in names
    ]


def test_a_fusion_of_one_that_is_fused_with_itself_is_not_wrong_in_itself(tmp_path):
    text = fused(loop=["loop", "again"], above=["loop", "statistics"])
    assert [problem.partition(":")[0] for _, problem in mistakes(tmp_path / "params.yaml", text)] == ["fusions.loop.of"]


def test_a_branch_that_stands_twice(wrong):
    where, problem = wrong(fused(one=["again", "statistics", "again"]))
    assert where == "fusions.one.of"
    assert problem.startswith("fusions.one.of: 'again' stands twice; a branch is taken once; it is ")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"corpus": "yours"}, "'statistics' and 'other' differ in corpus (mine and yours)"),
        ({"protocol": "dealt"}, "'statistics' and 'other' differ in protocol (loso and dealt)"),
        ({"trainings": 3}, "'statistics' and 'other' differ in trainings (1 and 3)"),
        (
            {"emotions": ["sad", "angry"]},
            "'statistics' and 'other' differ in emotions (all and {'sad': ['sad'], 'angry': ['angry']})",
        ),
    ],
)
@pytest.mark.parametrize("nested", [False, True])
def test_branches_that_differ(tmp_path, change, problem, nested):
    """Directly, or in a fusion of fusions, of which the inner ones are right."""
    flat, deep = {"all": ["statistics", "other"]}, {"pair": ["statistics", "again"], "all": ["pair", "other"]}
    text = fused(**(deep if nested else flat))
    text = text.replace("experiments:\n", f"experiments:\n  other: { {**POOLED, **change} }\n")
    text = text.replace("corpora:\n", "corpora:\n  yours: {reader: folder, root: x}\n")
    assert mistakes(tmp_path / "params.yaml", text) == [(line_of(text, "fusions.all.of"), f"fusions.all.of: {problem}")]


def test_a_fusion_of_a_wrong_one_is_not_wrong_in_itself(tmp_path):
    text = fused(pair=["statistics", "picture"], all=["pair", "again"])
    assert [problem.partition(" differ in")[0] for _, problem in mistakes(tmp_path / "params.yaml", text)] == [
        "fusions.pair.of: 'statistics' and 'picture'"
    ]


@pytest.mark.parametrize(
    ("fit_on", "protocol", "problem"),
    [
        ("training", {"scheme": "leave_one_speaker_out"}, "training needs inner_folds, and protocol 'loso' has none; "),
        ("training", {"scheme": "leave_one_speaker_out", "inner_folds": 2}, None),
        ("validation", {"scheme": "grouped_kfold"}, None),
        ("validation", {"scheme": "grouped_kfold", "validation_speakers": 0}, "validation needs a validation part, an"),
        ("validation", {"scheme": "stratified_split", "validation": 0}, "validation needs a validation part, and pro"),
        ("other_folds", {"scheme": "leave_one_session_out", "validation_speakers": 0}, None),
        (
            "other_folds",
            {"scheme": "stratified_split"},
            "other_folds needs several folds, and protocol 'loso' has one",
        ),
    ],
)
def test_a_fusion_is_fitted_on_what_its_protocol_has(tmp_path, fit_on, protocol, problem):
    text = edited("fusions.both.fit_on", fit_on)
    text = text.replace("  loso:\n    scheme: leave_one_speaker_out\n", f"  loso: {protocol}\n") + "seeds: 3\n"
    said = [(line, one) for line, one in mistakes(tmp_path / "params.yaml", text) if not one.startswith("seeds")]
    assert [line for line, _ in said] == [line_of(text, "fusions.both.fit_on")] * (problem is not None)
    assert all(one.startswith(f"fusions.both.fit_on: {problem}") for _, one in said)


@pytest.mark.parametrize(("speakers", "problems"), [(1, 0), (0, 1)])
def test_adam_needs_a_validation_part_to_choose_its_epoch_by(tmp_path, speakers, problems):
    text = edited("fusions.both", {"of": ["statistics", "again"], "solver": "adam"})
    protocol = {"scheme": "leave_one_speaker_out", "validation_speakers": speakers, "inner_folds": 2}
    text = text.replace("  loso:\n    scheme: leave_one_speaker_out\n", f"  loso: {protocol}\n") + "seeds: 3\n"
    said = [one for _, one in mistakes(tmp_path / "params.yaml", text) if not one.startswith("seeds")]
    wanted = "fusions.both.solver: adam needs a validation part to choose its epoch by, and protocol 'loso' has none; "
    assert [one.startswith(wanted) for one in said] == [True] * problems


def test_class_sets_that_are_the_same_may_be_written_otherwise(tmp_path):
    text = edited("experiments.statistics.emotions", ["angry", {"joy": "happy"}])
    text = text.replace("  again:\n", "  again:\n    emotions: {joy: [happy], angry: angry}\n") + "seeds: 3\n"
    assert [problem.partition(":")[0] for _, problem in mistakes(tmp_path / "params.yaml", text)] == ["seeds"]


def test_a_fusion_fitted_on_other_folds_is_no_branch(wrong):
    text = fused(inner=["statistics", "again"], outer=["inner", "statistics"])
    text = text.replace("fit_on: validation", "fit_on: other_folds", 1)
    where, problem = wrong(text)
    assert where == "fusions.outer.of"
    assert "'inner' is fitted on other_folds" in problem
