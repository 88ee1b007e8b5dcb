"""Small checkpoints of every SSL family, with seeded random weights rough enough for mistakes to show."""

import json
from pathlib import Path

SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "conv_dim": (16,) * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
}
STABLE = {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}

CHECKPOINTS = {
    "wav2vec2-group": ("Wav2Vec2", {}),
    "wav2vec2-layer": ("Wav2Vec2", STABLE),
    "hubert-group": ("Hubert", {}),
    "hubert-batch-norm": ("Hubert", {"conv_pos_batch_norm": True}),
    "hubert-layer": ("Hubert", STABLE),
    "wavlm-group": ("WavLM", {"num_buckets": 32, "max_bucket_distance": 40}),
    "wavlm-layer": ("WavLM", {"num_buckets": 32, "max_bucket_distance": 40} | STABLE),
    "data2vec-audio": ("Data2VecAudio", {"num_conv_pos_embeddings": 5, "conv_pos_kernel_size": 9}),
    "unispeech-sat": ("UniSpeechSat", {}),
}

WHISPER = {
    "d_model": 32,
    "encoder_layers": 4,
    "encoder_attention_heads": 4,
    "encoder_ffn_dim": 48,
    "decoder_layers": 1,
    "decoder_attention_heads": 4,
    "decoder_ffn_dim": 48,
    "vocab_size": 100,
    "num_mel_bins": 40,
    "max_source_positions": 250,  # 5 s, where pretrained models see 30
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 1,
}


def build(name, seed=0, **changes):
    """A model of the named kind, in evaluation mode."""
    import transformers

    family, options = CHECKPOINTS[name]
    config = getattr(transformers, f"{family}Config")(**(SMALL | options | changes))
    return roughened(getattr(transformers, f"{family}Model"), config, seed)


def build_whisper(seed=0, **changes):
    """A small Whisper, decoder included, in evaluation mode."""
    from transformers import WhisperConfig, WhisperModel

    return roughened(WhisperModel, WhisperConfig(**(WHISPER | changes)), seed)


def roughened(kind, config, seed=0):
    """A model of a class of `transformers`, with weights that are not as plain as fresh ones."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = kind(config)
        # Fresh weights are so small, and biases and norms so plain, that leaks through padding would hardly show.
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.2 * torch.randn_like(parameter))
            for module in model.modules():
                if isinstance(module, torch.nn.BatchNorm1d):
                    module.running_mean.normal_()
                    module.running_var.uniform_(0.5, 2.0)
    return model.eval()


def save(model, folder, do_normalize=None):
    """Write a checkpoint folder; with preprocessor_config.json when `do_normalize` is given."""
    model.save_pretrained(folder)
    if do_normalize is not None:
        text = json.dumps({"feature_extractor_type": "Wav2Vec2FeatureExtractor", "do_normalize": do_normalize})
        (Path(folder) / "preprocessor_config.json").write_text(text)
    return str(folder)


def save_whisper(model, folder):
    """Write a checkpoint folder of Whisper, with the log-Mel that fits it."""
    from transformers import WhisperFeatureExtractor

    model.save_pretrained(folder)
    bands, seconds = model.config.num_mel_bins, model.config.max_source_positions // 50
    WhisperFeatureExtractor(feature_size=bands, chunk_length=seconds).save_pretrained(folder)
    return str(folder)
