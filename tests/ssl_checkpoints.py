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


def build(name, seed=0, **changes):
    """A model of the named kind, in evaluation mode."""
    import torch
    import transformers

    family, options = CHECKPOINTS[name]
    config = getattr(transformers, f"{family}Config")(**(SMALL | options | changes))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = getattr(transformers, f"{family}Model")(config)
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
