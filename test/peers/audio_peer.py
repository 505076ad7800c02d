# Sound and transcripts, and what transformers and jiwer make of them, from one seed.
#   audio_peer.py FOLDER
# Reads FOLDER/clips.json: [[reference, heard], ...]. Writes FOLDER/cases.json and the files it
# names: WAV files, features as float32 [filters, frames].
import json
import sys
import wave
from pathlib import Path

import jiwer
import numpy as np
from transformers.models.whisper.english_normalizer import BasicTextNormalizer
from transformers.models.whisper.feature_extraction_whisper import WhisperFeatureExtractor

folder = Path(sys.argv[1])
random = np.random.default_rng(11)
rate = 16_000


def sounds():
    """Names and float samples: noise, tones that glide, speech-like bursts, silence."""
    second = np.arange(rate) / rate
    yield "noise", random.normal(0, 0.2, 3 * rate)
    yield "quiet", random.normal(0, 2e-4, rate)
    yield "glide", 0.5 * np.sin(2 * np.pi * (200 + 1500 * second) * second)
    bursts = np.concatenate([np.sin(2 * np.pi * f * second[:4000]) * np.hanning(4000) for f in [150, 800, 3100, 7000]])
    yield "bursts", np.concatenate([np.zeros(5000), 0.9 * bursts, np.zeros(3000)])
    yield "silence", np.zeros(2000)
    yield "one", np.full(1, 0.5)
    yield "long", random.normal(0, 0.1, 31 * rate)


def features(samples, filters, frames):
    extractor = WhisperFeatureExtractor(feature_size=filters, chunk_length=frames // 100)
    padded = np.zeros(160 * frames, dtype=np.float32)
    padded[: min(len(samples), len(padded))] = samples[: len(padded)].astype(np.float32) / 32768
    # The path of NumPy; the one of torch rounds to float32 earlier.
    values = extractor._np_extract_fbank_features(padded[None], "cpu")[0].astype(np.float32)
    return values


mel = []
for name, sound in sounds():
    samples = np.clip(np.round(32768 * sound), -32768, 32767).astype(np.int16)
    with wave.open(str(folder / f"{name}.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    (folder / f"{name}.pcm").write_bytes(samples.tobytes())
    for filters, frames in [(80, 3000), (80, 600), (128, 300)]:
        values = features(samples, filters, frames)
        out = f"{name}-{filters}-{frames}.bin"
        (folder / out).write_bytes(values.tobytes())
        mel.append({"name": name, "filters": filters, "frames": frames, "values": out, "shape": values.shape})

normalize = BasicTextNormalizer()
clips = json.loads((folder / "clips.json").read_text())
normalized = [[normalize(text).split() for text in clip] for clip in clips]
said = [(" ".join(a), " ".join(b)) for a, b in normalized if a]
result = jiwer.process_words([a for a, _ in said], [b for _, b in said])
cases = {
    "mel": mel,
    "words": normalized,
    "errors": result.substitutions + result.deletions + result.insertions,
    "rate": result.wer,
    "jiwer": [jiwer.process_words(a, b).wer * len(a.split()) for a, b in said],
}
(folder / "cases.json").write_text(json.dumps(cases))
