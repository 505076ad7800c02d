# A short sound and the features that Whisper's extractor makes of it, for a test without Python.
#   sound_goldens.py > test/golden/sound.json
import json

import numpy as np
import transformers
from transformers.models.whisper.feature_extraction_whisper import WhisperFeatureExtractor

frames = 5
random = np.random.default_rng(5)
n = np.arange(700)
sound = 9000 * np.sin(0.09 * n + 0.0002 * n * n) + random.normal(0, 300, n.shape)
samples = np.round(sound).astype(np.int16)
padded = np.zeros(160 * frames, dtype=np.float32)
padded[: len(samples)] = samples / 32768
values = WhisperFeatureExtractor()._np_extract_fbank_features(padded[None], "cpu")[0]
command = f"python test/peers/sound_goldens.py, transformers {transformers.__version__}"
rows = [[float(f"{value:.7f}") for value in row] for row in values.tolist()]
print(json.dumps({"command": command, "frames": frames, "samples": samples.tolist(), "features": rows}))
