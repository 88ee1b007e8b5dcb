"""Pretrained speech encoders: loading, wav2vec 2.0-like models, Whisper, batches, pooling."""
