"""Transfers in the graph: what each reads and leaves, and a whole project with some."""

import numpy as np
import pytest
import soundfile
import yaml
from projects import code_project, ran, ser, sh

from pipeline.config.document import validated
from pipeline.graph.stages import graph_stages

PARAMS = """\
corpora:
  mine: {reader: folder, root: recordings, speaker_pattern: '/([a-z]+)_'}
  yours: {reader: folder, root: others, speaker_pattern: '/([a-z]+)_'}
features:
  cepstra: {extractor: mfcc, n_mfcc: 12, n_mels: 20}
protocols:
  loso: {scheme: leave_one_speaker_out, validation_speakers: 0}
experiments:
  one: {system: pooled, corpus: mine, protocol: loso, mfcc: cepstra}
  net: {system: cnn, corpus: mine, protocol: loso, mfcc: cepstra, params: {epochs: 1, channels: [8], hidden: 8}}
  theirs: {system: pooled, corpus: yours, protocol: loso, mfcc: cepstra}
transfers:
  zero: {source: net, corpus: yours, share: 0}
  tuned: {source: net, corpus: yours, share: 0.3, draws: 2, tune: head, params: {epochs: 1}, published: {UA: 80}}
  refitted: {source: one, corpus: yours, share: 0.3, draws: 2}
scoring: {bootstrap: 100}
"""


def stages(text):
    data = yaml.safe_load(text)
    params, problems = validated(data)
    assert not problems
    return {stage.name: stage for stage in graph_stages(params, data)}


def test_a_transfer_reads_both_corpora_and_leaves_models_where_it_trains():
    found = stages(PARAMS)
    features = ["data/features/yours/cepstra.h5", "data/features/mine/cepstra.h5"]
    for name, source, system in (("zero", "net", "cnn"), ("refitted", "one", "pooled")):
        assert found[f"transfer-{name}"].deps == [
            "data/manifests/yours.jsonl",
            "data/manifests/mine.jsonl",
            "data/manifests/yours.fingerprints.safetensors",
            "data/manifests/mine.fingerprints.safetensors",
            *features,
            f"data/models/{source}",
            f"data/predictions/{source}",
            f"data/code/transfer-{system}.txt",
        ]
    assert found["transfer-zero"].outs == ["data/predictions/zero"]
    assert found["transfer-tuned"].outs == ["data/models/tuned", "data/predictions/tuned"]
    assert "transfers.tuned.tune" in found["transfer-tuned"].params
    assert "experiments.net.params" in found["transfer-tuned"].params
    assert "transfers.tuned.published" not in found["transfer-tuned"].params
    assert {"data/predictions/zero", "data/predictions/tuned"} <= {*found["evaluate"].deps}


def test_only_an_experiment_on_several_corpora_reads_fingerprints():
    joint = "  both: {system: pooled, corpus: [mine, yours], protocol: loso, mfcc: cepstra}\n"
    found = stages(PARAMS.replace("transfers:", f"{joint}transfers:"))
    files = {corpus: f"data/manifests/{corpus}.fingerprints.safetensors" for corpus in ("mine", "yours")}
    assert [dep for dep in found["train-both"].deps if "fingerprints" in dep] == [*files.values()]
    assert not [dep for dep in found["train-one"].deps if "fingerprints" in dep]
    assert all({file: {"persist": True}} in found[f"manifest-{corpus}"].outs for corpus, file in files.items())


def test_a_target_that_no_experiment_has_is_extracted_scored_and_shown():
    without = PARAMS.replace("  theirs: {system: pooled, corpus: yours, protocol: loso, mfcc: cepstra}\n", "")
    found = stages(without)
    assert {"manifest-yours", "audio-yours", "features-yours-cepstra"} <= {*found}
    assert "data/manifests/yours.jsonl" in found["evaluate"].deps
    assert "data/features/yours/cepstra.h5" in found["report"].deps


@pytest.mark.parametrize(("name", "other"), [("one", "experiments"), ("pair", "fusions")])
def test_a_name_is_of_one_thing(name, other):
    text = PARAMS.replace("  zero:", f"  {name}:") + "fusions: {pair: {of: [one, net], fit_on: other_folds}}\n"
    problems = validated(yaml.safe_load(text))[1]
    assert any(name in problem and f"is the name of an entry of {section} too" in problem
               for problem in problems for section in (other, "transfers"))  # fmt: skip


@pytest.mark.slow
def test_a_project_with_transfers_finishes_and_is_up_to_date(tmp_path):
    for folder, speakers in (("recordings", ("anna", "ben", "cleo")), ("others", ("dora", "emil", "fay"))):
        for number, emotion in enumerate(("angry", "happy", "sad")):
            for speaker in speakers:
                for take in range(2):
                    path = tmp_path / folder / emotion / f"{speaker}_{take}.wav"
                    path.parent.mkdir(parents=True, exist_ok=True)
                    noise = np.random.default_rng([take, number, ord(speaker[0])]).standard_normal(8000)
                    soundfile.write(path, 0.1 * (1 + number) * noise / abs(noise).max(), 16000)
    project = code_project(tmp_path, PARAMS)
    ser(project, "graph")
    assert {"transfer-zero", "transfer-tuned", "transfer-refitted", "report"} <= ran(sh(project, "dvc", "repro"))
    assert ran(sh(project, "dvc", "repro")) == set()
    assert "is current" in ser(project, "graph", "--check")
    summary = (project / "metrics/summary.md").read_text()
    assert "zero-shot from net" in summary
    assert "from net, head tuned on 30 % of the speakers, 2 draws" in summary
    assert "cross-corpus: " in summary
    pairs = (project / "metrics/comparisons.csv").read_text()
    assert "theirs,zero," in pairs
    assert "tuned,refitted," in pairs
    assert "3 experiments and 3 transfers" in (project / "data/report.html").read_text()
    ser(project, "export", "tuned")
    assert "dora" in ser(project, "predict", "exports/tuned", "others")
    assert "zero: is zero-shot, and has no models but those of its source; give an export of net" in ser(
        project, "predict", "zero", "others", ok=False
    )
    params = project / "params.yaml"
    params.write_text(params.read_text().replace("tune: head", "tune: all"))
    assert ran(sh(project, "dvc", "repro")) == {"code", "transfer-tuned", "evaluate", "report"}
