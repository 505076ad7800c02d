// Networks for restoration whose operations and bits are searched, and that are trained then.
import type { Preset } from './method.ts';

export const quantNasPreset = {
  preset: 'QuantNAS',
  summary:
    'All weights of a network whose operations and bits are searched (training.architectureSearch), or of the one that was found: weights on grids whose steps train, inputs on fixed ones.',
  axes: {
    precision: { type: 'Float32' },
    adapter: { type: 'None' },
    selection: { type: 'All' },
    optimizer: { type: 'AdamW' },
  },
  paper: {
    title:
      'QuantNAS for super resolution: searching for efficient quantization-friendly architectures against quantization noise',
    arxiv: '2208.14839',
  },
} as const satisfies Preset;
