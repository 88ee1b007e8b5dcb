"""params.yaml -> stages: one for each thing that is asked for, and for nothing else."""

import subprocess
import sys

import yaml
from conftest import REPOSITORY

from pipeline.config.document import validated
from pipeline.graph.stages import graph_stages, name_clashes, work_stages

BASE = """
corpora:
  ravdess: {reader: ravdess, root: recordings}
  other: {reader: emodb, root: elsewhere}
  rated: {reader: folder, root: rated, table: labels.csv}
copies:
  noisy: {source: ravdess, snr: [10]}
features:
  mel: {extractor: logmel, n_mels: 64}
  mel_48k: {extractor: logmel, sample_rate: 48000}
  cepstra: {extractor: mfcc}
  melody: {extractor: prosody}
embeddings:
  tiny: {model: tiny, layers: [1, 9]}
protocols:
  loso: {scheme: leave_one_speaker_out}
  dealt: {scheme: grouped_kfold, folds: 2, inner_folds: 2}
"""


def graph(text):
    """The stages of BASE and more, by name."""
    data = yaml.safe_load(BASE + text)
    params, problems = validated(data)
    assert problems == []
    stages = graph_stages(params, data)
    assert name_clashes(stages) == []
    return {stage.name: stage for stage in stages}


def test_nothing_is_asked_for():
    assert graph("") == {}
    params, problems = validated({})
    assert problems == []
    assert graph_stages(params, {}) == []


def test_an_experiment_brings_what_it_reads_and_nothing_else():
    stages = graph("experiments: {one: {system: svm, corpus: ravdess, protocol: loso, mfcc: cepstra}}")
    assert list(stages) == [
        "code",
        "manifest-ravdess",
        "audio-ravdess",
        "features-ravdess-cepstra",
        "train-one",
        "evaluate",
        "report",
    ]
    assert stages["audio-ravdess"].cmd == "python -m stages.audio ravdess 16k"
    train = stages["train-one"]
    assert train.deps == [
        "data/manifests/ravdess.jsonl",
        "data/features/ravdess/cepstra.h5",
        "data/code/train-svm.txt",
    ]
    assert train.params == [
        "experiments.one.system",
        "experiments.one.corpus",
        "experiments.one.protocol",
        "experiments.one.mfcc",
        "protocols.loso",
    ]
    assert stages["features-ravdess-cepstra"].outs == [{"data/features/ravdess/cepstra.h5": {"persist": True}}]
    assert stages["manifest-ravdess"].outs == [
        {"data/manifests/ravdess.jsonl": {"persist": True}},
        {"data/manifests/ravdess.fingerprints.safetensors": {"persist": True}},
        {"metrics/corpora/ravdess.json": {"cache": False}},
    ]


def test_copies_bring_the_features_of_who_trains_on_them():
    stages = graph(
        "experiments: {one: {system: cnn, corpus: ravdess, copies: noisy, protocol: dealt, mfcc: cepstra}}\nseed: 1"
    )
    assert {"copies-noisy", "features-noisy-cepstra", "features-ravdess-cepstra"} <= set(stages)
    assert stages["audio-ravdess"].cmd.endswith(" 16k 48k")  # copies are made at 48 kHz
    assert stages["copies-noisy"].cmd == "python -m stages.copies noisy 16k"
    assert stages["copies-noisy"].params == ["seed", "copies.noisy"]
    assert "data/features/noisy/cepstra.h5" in stages["train-one"].deps


def test_conditions_bring_a_test_of_what_was_trained_without_them():
    text = """
conditions: {telephone: {band: [300, 3400], rate: 8000}, noise: {snr: 10}, unused: {mp3: 32}}
experiments:
  one: {system: cnn, corpus: ravdess, copies: noisy, protocol: dealt, mfcc: cepstra, test_on: [telephone, noise]}
  two: {system: cnn, corpus: ravdess, protocol: dealt, mfcc: cepstra}
  three: {system: pooled, corpus: ravdess, protocol: dealt, mfcc: cepstra, test_on: [noise]}
fusions:
  all: {of: [some, one], fit_on: validation}
  some: {of: [one, three], fit_on: validation}
  untested: {of: [one, two], fit_on: validation}
"""
    stages = graph(text)
    assert stages["condition-ravdess-telephone"].cmd == "python -m stages.condition ravdess telephone 16k"
    assert stages["condition-ravdess-noise"].deps[0] == "data/audio/ravdess/48k.h5"
    feature = stages["features-ravdess-telephone-cepstra"]
    assert feature.cmd == "python -m stages.features ravdess/telephone cepstra"
    assert feature.deps[0] == "data/audio/ravdess/telephone/16k.h5"
    test = stages["test-one"]
    assert test.params == ["experiments.one.test_on"]
    assert test.deps == [
        "data/manifests/ravdess.jsonl",
        "data/features/ravdess/telephone/cepstra.h5",
        "data/features/ravdess/noise/cepstra.h5",
        "data/models/one",
        "data/predictions/one",
        "data/code/test-cnn.txt",
    ]
    trained = stages["train-one"]
    assert not [part for part in (*trained.params, *trained.deps) if "test_on" in part or "telephone" in part]
    assert "data/conditions/one" in stages["evaluate"].deps
    assert "metrics/conditions.csv" in stages["evaluate"].paths()
    assert not [name for name in stages if "unused" in name or name in ("test-two", "test-untested")]
    assert stages["test-all"].deps == [
        "data/conditions/some",
        "data/conditions/one",
        "data/models/all",
        "data/code/test.txt",
    ]
    assert "data/conditions/all" in stages["evaluate"].deps


def test_features_alone_are_kept_when_asked_for():
    stages = graph("keep: {other: [melody, tiny], noisy: [mel_48k]}")
    assert {"features-other-melody", "features-other-tiny", "features-noisy-mel_48k", "copies-noisy"} <= set(stages)
    assert "evaluate" not in stages
    assert not [name for name in stages if name.startswith("train")]
    assert stages["features-other-tiny"].outs == [{"data/embeddings/other/tiny.h5": {"persist": True}}]


def test_a_corpus_alone_is_listed():
    assert list(graph("keep: {ravdess: []}")) == ["code", "manifest-ravdess"]


def test_a_published_figure_is_of_the_evaluation_alone():
    with_figure = graph(
        "experiments: {one: {system: svm, corpus: ravdess, protocol: loso, mfcc: cepstra, published: {WA: 50}}}"
    )
    assert not [key for key in with_figure["train-one"].params if "published" in key]
    assert "experiments" in with_figure["evaluate"].params


def test_the_evaluation_reads_each_prediction_by_name():
    text = """
experiments:
  one: {system: pooled, corpus: ravdess, protocol: dealt, mfcc: cepstra}
  two: {system: pooled, corpus: ravdess, protocol: dealt, logmel: mel}
  three: {system: mlp, corpus: ravdess, protocol: dealt, ssl: tiny}
fusions:
  pair: {of: [one, two], fit_on: training}
  all: {of: [pair, three], fit_on: validation}
"""
    stages = graph(text)
    evaluate = stages["evaluate"]
    assert [dep for dep in evaluate.deps if "predictions" in dep] == [
        f"data/predictions/{name}" for name in ("one", "two", "three", "pair", "all")
    ]
    fuse = stages["fuse-all"]
    folders = [f"data/{what}/{branch}" for branch in ("pair", "three") for what in ("models", "predictions")]
    assert fuse.deps == [*folders, "data/code/fuse.txt"]
    assert fuse.outs == ["data/models/all", "data/predictions/all"]
    assert {"metrics/curves", "metrics/weights", "metrics/calibration", "metrics/groups"} <= {*evaluate.paths()}


def test_a_validation_part_is_held_out_where_training_or_a_fusion_reads_it():
    text = """
experiments:
  one: {system: pooled, corpus: ravdess, protocol: dealt, mfcc: cepstra}
  two: {system: svm, corpus: ravdess, protocol: dealt, logmel: mel}
  net: {system: mlp, corpus: ravdess, protocol: dealt, ssl: tiny}
"""
    alone = graph(text)
    assert [alone[f"train-{name}"].cmd for name in ("one", "net")] == [
        "python -m stages.train one",
        "python -m stages.train net",
    ]
    pair = "  pair: {of: [one, two], method: weighted_average, fit_on: training}\n"
    fused = graph(f"{text}fusions:\n{pair}")
    assert fused["train-one"] == alone["train-one"]
    nested = graph(f"{text}fusions:\n{pair}  all: {{of: [pair, net], fit_on: validation}}\n")
    assert nested["train-one"].cmd == "python -m stages.train one --hold-out"
    assert nested["train-two"].cmd == "python -m stages.train two --hold-out"
    assert nested["train-net"] == alone["train-net"]
    by_adam = graph(f"{text}fusions: {{pair: {{of: [one, two], solver: adam}}}}")
    assert by_adam["train-one"].cmd == "python -m stages.train one --hold-out"


def test_curves_are_promised_only_where_something_has_epochs_and_weights_where_something_is_fused():
    stages = graph("experiments: {one: {system: pooled, corpus: ravdess, protocol: loso, prosody: melody}}")
    assert not {"metrics/curves", "metrics/weights", "metrics/choices"} & {*stages["evaluate"].paths()}
    stages = graph("experiments: {one: {system: probe, corpus: ravdess, protocol: loso, prosody: melody}}")
    assert "metrics/choices" in stages["evaluate"].paths()


def test_the_report_reads_what_the_evaluation_left_a_feature_and_audio_where_it_may_be_played():
    experiments = """
experiments:
  one: {system: svm, corpus: ravdess, protocol: loso, mfcc: cepstra}
  two: {system: mlp, corpus: ravdess, protocol: loso, ssl: tiny}
"""
    stages = graph(experiments)
    report = stages["report"]
    assert {*stages["evaluate"].paths(), "metrics/corpora/ravdess.json", "data/predictions/two"} <= {*report.deps}
    assert [dep for dep in report.deps if dep.endswith(".h5")] == [
        "data/embeddings/ravdess/tiny.h5",
        "data/audio/ravdess/16k.h5",
    ]
    assert "corpora.ravdess.reader" in report.params
    assert report.outs == ["data/report.html"]  # in DVC's cache: it may hold recordings, which are not for git
    silent = graph(f"{experiments}report: {{audio: none}}")["report"]
    assert "data/audio/ravdess/16k.h5" not in silent.deps
    assert "report" in silent.params


def test_a_local_model_is_a_dependency(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weights").mkdir()
    data = yaml.safe_load(BASE.replace("model: tiny,", "model: weights,") + "keep: {ravdess: [tiny]}")
    params, _ = validated(data)
    stages = {stage.name: stage for stage in graph_stages(params, data)}
    assert "weights" in stages["features-ravdess-tiny"].deps


def test_a_local_model_that_a_system_reads_itself_is_a_dependency_of_its_training_and_its_transfers(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    for folder in ("weights", "finer"):
        (tmp_path / folder).mkdir()
    experiment = "system: wav2vec_end_to_end, corpus: ravdess, protocol: loso, waveform: wave"
    transfer = "source: local, corpus: other, share: 0.2, weights: fresh"
    experiments = f"""
experiments:
  local: {{{experiment}, params: {{model: weights}}}}
  hub: {{{experiment}, params: {{model: owner/name}}}}
  default: {{{experiment}}}
transfers:
  same: {{{transfer}}}
  another: {{{transfer}, params: {{model: finer}}}}
"""
    wave = "features:\n  wave: {extractor: waveform}\n"
    data = yaml.safe_load(BASE.replace("features:\n", wave) + experiments)
    params, problems = validated(data)
    assert problems == []
    stages = {stage.name: stage.deps for stage in graph_stages(params, data)}
    wanted = {"train-local": {"weights"}, "train-hub": set(), "train-default": set()}
    wanted |= {"transfer-same": {"weights"}, "transfer-another": {"finer"}}
    assert {name: {"weights", "finer", "owner/name", "tiny"} & {*stages[name]} for name in wanted} == wanted


def test_a_local_model_whose_blocks_are_trained_on_its_cached_states_is_a_dependency_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("weights", "tiny"):  # the latter is the name of random weights, whatever lies there
        (tmp_path / folder).mkdir()
    shared, blocks = "corpus: ravdess, protocol: loso", "params: {layer: 9, top_blocks: 3}"
    more = f"""
experiments:
  branch: {{system: wav2vec, {shared}, ssl: own}}
  hub: {{system: wav2vec, {shared}, ssl: theirs}}
  random: {{system: wav2vec, {shared}, ssl: tiny}}
  stream: {{system: caf_ssl, {shared}, ssl: own, {blocks}}}
  states: {{system: caf_ssl, {shared}, ssl: own}}
  none: {{system: caf_ssl, {shared}, ssl: own, params: {{top_blocks: 0}}}}
  both: {{system: caf, {shared}, logmel: square, ssl: own, {blocks}}}
  vectors: {{system: svm, {shared}, ssl: own}}
  numbers: {{system: wav2vec, corpus: rated, protocol: loso, ssl: own, targets: [valence]}}
transfers:
  moved: {{source: branch, corpus: other, share: 0.2}}
  still: {{source: states, corpus: other, share: 0.2}}
  anew: {{source: states, corpus: other, share: 0.2, weights: fresh, {blocks}}}
"""
    own = "embeddings:\n  own: {model: weights, layers: [9]}\n  theirs: {model: owner/name, layers: [9]}\n"
    text = BASE.replace("embeddings:\n", own).replace("features:\n", "features:\n  square: {extractor: logmel}\n")
    data = yaml.safe_load(text + more)
    params, problems = validated(data)
    assert problems == []
    stages = {stage.name: stage.deps for stage in graph_stages(params, data)}
    again = {"train-branch", "train-stream", "train-both", "train-numbers", "transfer-moved", "transfer-anew"}
    trained = [name for name in stages if name.startswith(("train-", "transfer-"))]
    assert {name for name in trained if "weights" in stages[name]} == again
    assert not [name for name in trained if {"owner/name", "tiny"} & {*stages[name]}]


def test_a_demo_corpus_is_made_only_where_it_is_read():
    text = """
demo: {spoken: {voices: 2}, unread: {}}
corpora:
  spoken: {reader: demo, root: data/raw/spoken}
features: {cepstra: {extractor: mfcc}}
keep: {spoken: [cepstra]}
"""
    data = yaml.safe_load(text)
    params, problems = validated(data)
    assert problems == []
    names = [stage.name for stage in graph_stages(params, data)]
    assert "demo-spoken" in names
    assert "demo-unread" not in names


def test_stages_that_work_need_no_digest_of_the_package(monkeypatch):
    def read(*_):
        raise AssertionError("the package's files are read")

    data = {"corpora": {"a": {"reader": "folder", "root": "x"}}, "features": {"c": {"extractor": "mfcc"}}}
    data["keep"] = {"a": ["c"]}
    params, _ = validated(data)
    whole = graph_stages(params, data)
    monkeypatch.setattr("pipeline.graph.code.package_digest", read)
    assert work_stages(params, data) == whole[1:]


def test_names_that_meet_in_one_stage_are_said():
    text = """
corpora: {a: {reader: folder, root: x}, a-b: {reader: folder, root: y}}
features: {c: {extractor: mfcc}, b-c: {extractor: mfcc}}
keep: {a: [b-c], a-b: [c]}
"""
    data = yaml.safe_load(text)
    params, problems = validated(data)
    assert problems == []
    (clash,) = name_clashes(graph_stages(params, data))
    assert "features-a-b-c" in clash


def test_the_shipped_dvc_yaml_is_current():
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli", "graph", "--check"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    text = (REPOSITORY / "dvc.yaml").read_text(encoding="utf-8")
    assert text.startswith("# Written by `ser graph` from params.yaml")
    assert len(text.splitlines()) < 500


def test_all_that_computes_depends_on_the_arithmetic_where_it_is_said():
    text = "experiments: {one: {system: svm, corpus: ravdess, protocol: loso, mfcc: cepstra}}\n"
    usual, said = graph(text), graph(text + "arithmetic: portable\n")
    assert [name for name, stage in said.items() if "arithmetic" not in stage.params] == ["code"]
    assert not [name for name, stage in usual.items() if "arithmetic" in stage.params]
    assert {name: [p for p in stage.params if p != "arithmetic"] for name, stage in said.items()} == {
        name: list(stage.params) for name, stage in usual.items()
    }


def test_numbers_are_scored_and_shown_after_they_are_predicted():
    rated = "experiments: {numbers: {system: pooled, corpus: rated, protocol: loso, mfcc: cepstra, targets: [valence]}}"
    stages = graph(rated)
    for name in ("evaluate", "report"):
        assert "data/predictions/numbers" in stages[name].deps
