import { parseSafetensorsIndex } from '../../../worker/files/safetensors-index.ts';
import { nests } from '../nests.ts';
import type { Target } from '../target.ts';

export const target: Target = {
  seeds: [
    JSON.stringify({
      metadata: { total_size: 16 },
      weight_map: {
        'a.weight': 'model-00001-of-00002.safetensors',
        b: 'model-00002-of-00002.safetensors',
      },
    }),
    '{"weight_map":{}}',
  ],
  words: [
    ...nests,
    ...[
      '"metadata"',
      '"total_size"',
      '"weight_map"',
      '.safetensors',
      '../',
      '/',
      '\\u002e',
      '"__proto__"',
    ],
    ...['{}', '[]', 'null', '1e400', '-1', ',', ':'],
  ],
  run: (bytes) => parseSafetensorsIndex(bytes, 'model.safetensors.index.json'),
};
