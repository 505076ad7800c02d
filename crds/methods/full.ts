import { type Preset, plainEntry } from './method.ts';

export const allTensors = plainEntry({
  seam: 'selection',
  type: 'All',
  summary: 'Every tensor that can be trained is trained at every step.',
});

export const fullPreset = {
  preset: 'Full',
  summary: 'Full fine-tuning: all weights move, with AdamW.',
  seams: {
    adapter: { type: 'None' },
    selection: { type: 'All' },
    optimizer: { type: 'AdamW' },
  },
} as const satisfies Preset;
