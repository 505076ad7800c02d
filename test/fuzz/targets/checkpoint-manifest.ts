import { parseManifest } from '../../../worker/checkpoint/manifest.ts';
import { nests } from '../nests.ts';
import type { Target } from '../target.ts';

const digest = 'a'.repeat(64);
const manifest = {
  version: 1,
  step: 10,
  job: digest,
  base: 'owner/model at 01234567',
  files: [{ name: 'state-000.safetensors', bytes: 8, sha256: digest }],
  tensors: [{ name: 'a.weight', file: 'state-000.safetensors', start: [0, 0], shape: [2, 1] }],
  state: { cursor: { epoch: 0 }, losses: [1.5, null] },
};

export const target: Target = {
  seeds: [JSON.stringify(manifest)],
  words: [
    ...nests,
    ...[
      '"version"',
      '"step"',
      '"files"',
      '"tensors"',
      '"start"',
      '"shape"',
      '"state"',
      '"sha256"',
      '"__proto__"',
    ],
    ...['../', '1e400', '-1', 'null', '[]', '{}', ',', '"', digest],
  ],
  run: (bytes) => parseManifest(bytes, 'manifest.json'),
};
