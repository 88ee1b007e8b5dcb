"""A refitted model learns from the votes and from the pretrained weights that the scores beside it are of."""

import json
from pathlib import Path

import torch
from in_process import make_audio, ser, stage
from params_files import BLOCKS
from rated_project import rated_project
from ssl_checkpoints import build, save

SOFT = "{system: pooled, corpus: mine, protocol: loso, logmel: mel, labels: votes}"
PLAIN = "{system: pooled, corpus: mine, protocol: loso, logmel: mel}"


def done(answer):
    assert answer.exit_code == 0, answer.output
    return answer


def refitted(name, to):
    return ser("export", name, "--models", "refitted", "--to", to)


def write_votes(path, table, happy):
    """As many raters said happy, and one sad, of what is happy; and the other way about."""
    head, *lines = table.splitlines()
    votes = [line + (f",{happy},1" if ",happy," in line else f",1,{happy}") for line in lines]
    path.write_text("\n".join([f"{head},votes_happy,votes_sad", *votes, ""]), encoding="utf-8")


def learned_from(name):
    return set(json.loads(Path(f"data/models/{name}/card.json").read_text(encoding="utf-8")).get("learned_from", {}))


def test_votes_that_changed_are_not_refitted_on(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rated_project(tmp_path, soft=SOFT, plain=PLAIN)
    path = tmp_path / "recordings/labels.csv"
    table = path.read_text(encoding="utf-8")
    write_votes(path, table, 3)
    make_audio()
    for step in (("features", "mine", "mel"), ("train", "soft"), ("train", "plain")):
        done(stage(*step))
    assert (learned_from("soft"), learned_from("plain")) == ({"votes"}, set())
    done(refitted("soft", "before"))
    write_votes(path, table, 4)
    done(stage("manifest", "mine"))
    refused = refitted("soft", "after")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "soft: its votes changed since it was trained; run `dvc repro` first" in refused.stderr
    assert not (tmp_path / "after").exists()
    done(refitted("plain", "labels"))  # of the majority, which is the same


def test_blocks_that_were_replaced_are_not_refitted_from(project):
    model = build("wav2vec2-group", num_hidden_layers=3)
    save(model, "pretrained", do_normalize=True)
    project.params.write_text(BLOCKS, encoding="utf-8")
    done(ser("graph"))
    make_audio()
    for step in (("features", "mine", "states"), ("train", "cached")):
        done(stage(*step))
    assert learned_from("cached") == {"pretrained"}
    done(refitted("cached", "before"))
    with torch.no_grad():
        model.encoder.layers[2].attention.q_proj.weight.add_(1)  # made no state that is cached
    save(model, "pretrained", do_normalize=True)
    refused = refitted("cached", "after")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "cached: its pretrained weights changed since it was trained; run `dvc repro` first" in refused.stderr
    assert not (project.folder / "after").exists()
