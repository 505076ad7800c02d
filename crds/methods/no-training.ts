// The base as it is, for jobs that only quantize, evaluate and write it.
import { type Preset, plainEntry } from './method.ts';
import type { ResolvedMethod } from './resolve.ts';

export const noTensors = plainEntry({
  axis: 'selection',
  type: 'None',
  summary: 'Nothing is trained, in 0 steps: the result is the base in the formats of the output.',
});

export const noTrainingPreset = {
  preset: 'NoTraining',
  summary: 'Nothing is trained: the base is quantized, evaluated and written.',
  axes: {
    adapter: { type: 'None' },
    selection: { type: 'None' },
  },
} as const satisfies Preset;

export function trainsNothing({ selection }: Pick<ResolvedMethod, 'selection'>): boolean {
  return selection.type === 'None';
}
