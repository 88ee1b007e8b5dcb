"""A Whisper through the stages: an embedding of it, blocks trained on that, and blocks trained on waveforms."""

import json

from in_process import make_audio, ser, stage
from ssl_checkpoints import build_whisper, save_whisper

STAGES = """\
corpora: {{mine: {{reader: folder, root: recordings, speaker_pattern: '/([a-z]+)_'}}}}
features: {{waves: {{extractor: waveform}}}}
embeddings: {{whisper: {{model: {folder}, layers: [2], chunk_seconds: 5}}}}
protocols: {{loso: {{scheme: leave_one_speaker_out, validation_speakers: 0}}}}
experiments:
  cached: {{system: wav2vec, corpus: mine, protocol: loso, ssl: whisper, params: {{layer: 2, epochs: 1, patience: 0}}}}
  whole:
    {{system: wav2vec_end_to_end, corpus: mine, protocol: loso, waveform: waves,
      params: {{model: {folder}, unfreeze_blocks: 1, epochs: 1, patience: 0}}}}
"""


def test_the_stages_take_a_whisper_from_the_embedding_to_the_models(project):
    folder = save_whisper(build_whisper(), project.folder / "model")
    project.params.write_text(STAGES.format(folder=folder), encoding="utf-8")
    done = ser("graph")
    assert done.exit_code == 0, done.stderr
    make_audio()
    for feature, experiment in (("whisper", "cached"), ("waves", "whole")):
        for done in (stage("features", "mine", feature), stage("train", experiment)):
            assert done.exit_code == 0, done.stderr
        card = json.loads((project.folder / f"data/predictions/{experiment}/card.json").read_text())
        assert not card["random_backbone"]
        assert card["cost"]["operations"] > 0
