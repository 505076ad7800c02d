// What an adapter begins with, and the base that has it.
import { adapterTypes, needsQuantized, readsGradient } from '../methods/adapter-traits.ts';
import { is, type Pair } from './pair.ts';

const ofGradients = adapterTypes((entry) => entry.readsGradient === true);
const ofLosses = adapterTypes((entry) => entry.needsQuantized === true);
const quantizedBases: readonly string[] = ['NF4', 'Int8', 'Int4'];

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
];
