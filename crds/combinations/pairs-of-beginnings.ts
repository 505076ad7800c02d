// What an adapter begins with, and the base that has it.
import {
  adapterTypes,
  beginsWithWeights,
  changesBase,
  needsQuantized,
  readsGradient,
} from '../methods/adapter-traits.ts';
import { quantizedBases } from '../methods/coded.ts';
import { is, type Pair } from './pair.ts';

const ofGradients = adapterTypes((entry) => entry.readsGradient === true);
const ofLosses = adapterTypes((entry) => entry.needsQuantized === true);

export const pairsOfBeginnings: readonly Pair[] = [
  {
    id: 'gradients are those of dense weights',
    path: ['method', 'base', 'type'],
    meets: (_, method) => readsGradient(method) && method.base.type !== 'Dense',
    cel: `!${is('adapter', ...ofGradients)} || ${is('base', 'Dense')}`,
    sentence:
      'stores weights in fewer bits, but method.adapter begins with their gradients, for which they are trained once',
    hint: 'write method.base: { type: Dense }, or adapter: { type: PiSSA }, which begins with the weights',
  },
  {
    id: 'what quantizing loses is that of a quantized base',
    path: ['method', 'base', 'type'],
    meets: (_, method) => needsQuantized(method) && !quantizedBases.includes(method.base.type),
    cel: `!${is('adapter', ...ofLosses)} || ${is('base', ...quantizedBases)}`,
    sentence:
      'stores no matrix in fewer bits, but method.adapter begins with what quantizing them loses',
    hint: 'write method.base: { type: NF4 }, Int8 or Int4, or adapter: { type: PiSSA }, which begins with the weights',
  },
  {
    id: 'forms are chosen by what an adapter leaves of losses',
    path: ['method', 'base', 'type'],
    meets: (_, method) => method.base.type === 'Mixed' && !needsQuantized(method),
    cel: `!${is('base', 'Mixed')} || ${is('adapter', ...ofLosses)}`,
    sentence:
      'is Mixed, whose forms are chosen by what is lost beside LQLoRA, but method.adapter is another',
    hint: 'write adapter: { type: LQLoRA }, or method.base: { type: NF4 }',
  },
  {
    id: 'integers that are made with inputs are those of whole weights',
    path: ['method', 'base', 'integer', 'calibrationSequences'],
    meets: (_, { adapter, base }) =>
      base.type === 'Integer' &&
      base.integer.calibrationSequences > 0 &&
      beginsWithWeights({ adapter }),
    sentence:
      'is above 0, but method.adapter begins with a part of the weights or with what a pass of the model says: both are computed before there is a base',
    hint: 'write 0, or adapter: { type: LoRA }',
  },
  {
    id: 'integers that an adapter belongs on are those of whole weights',
    path: ['output', 'formats'],
    meets: ({ output }, method) =>
      method.base.type === 'Integer' &&
      output.quantization === undefined &&
      output.formats?.includes('CompressedTensors') === true &&
      changesBase(method),
    sentence:
      'asks for CompressedTensors, but method.adapter took over a part of the weights: its file belongs on the weights as they were, and these integers are of what is left',
    hint: 'ask for MergedSafetensors or GGUF, or write adapter: { type: LoRA }',
  },
];
