"""Emotions of a WAV file by model.onnx beside this script: `python predict_onnx.py A.wav` (onnxruntime and numpy)."""

import json
import sys
import wave
from pathlib import Path

import numpy as np
import onnxruntime


def main(path: str) -> None:
    """Print the probability of each emotion, the likeliest first."""
    session = onnxruntime.InferenceSession(str(Path(__file__).with_name("model.onnx")))
    known = session.get_modelmeta().custom_metadata_map
    cure = f"convert it: ffmpeg -i {path} -ar {known['sampling_rate']} -c:a pcm_s16le speech.wav"
    try:
        with wave.open(path) as file:
            channels, width, rate, count = file.getparams()[:4]
            data = file.readframes(count)
    except (OSError, EOFError, wave.Error) as error:
        sys.exit(f"{path}: cannot be read as a WAV file of 16 bits ({error}); if it is a recording, {cure}")
    if width != 2 or str(rate) != known["sampling_rate"]:
        sys.exit(f"{path}: has {8 * width} bits at {rate} Hz, not 16 at {known['sampling_rate']}; {cure}")
    if len(data) < 2 * channels * count:
        sys.exit(f"{path}: is cut short; copy the whole file again")
    if not 0 < count <= float(known["longest_seconds"]) * rate:
        sys.exit(f"{path}: has {count / rate:.1f} s; give a clip of up to {known['longest_seconds']} s")
    samples = np.frombuffer(data, "<i2").reshape(-1, channels).mean(axis=1) / 32768
    (rows,) = session.run(["probabilities"], {"samples": samples.astype(np.float32)[None]})
    for share, label in sorted(zip(rows[0].tolist(), json.loads(known["labels"]), strict=True), reverse=True):
        print(f"{label}\t{share:.4f}")


if __name__ == "__main__":
    main(sys.argv[1]) if len(sys.argv) == 2 else sys.exit("give one recording: python predict_onnx.py A.wav")
