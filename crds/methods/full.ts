import { type Preset, plainEntry } from './method.ts';

export const allTensors = plainEntry({
  axis: 'selection',
  type: 'All',
  summary: 'Every trainable tensor is trained at every step.',
});

export const fullPreset = {
  preset: 'Full',
  summary: 'Full fine-tuning: all weights are trained, with AdamW.',
  axes: {
    adapter: { type: 'None' },
    selection: { type: 'All' },
    optimizer: { type: 'AdamW' },
  },
} as const satisfies Preset;
