// What rounding weights to a grid while they train is not combined with. In CEL are those of
// results alone: a definition has a limit of bytes.
import { entryOf } from '../methods/entry-of.ts';
import { projectionOf } from '../methods/projection.ts';
import { isAdapterForm } from '../names/result-folders.ts';
import { trainsScales } from '../plan/grid-bytes.ts';
import { is, noAdapterForm, noForm, type Pair } from './pair.ts';

const isOnGrid = is('base', 'FakeQuantized');
const others = ['MixLoRA', 'SpIEL'];

export const pairsOfGrids: readonly Pair[] = [
  {
    id: 'what is added before rounding is no file of its own',
    path: ['output', 'formats'],
    meets: ({ output }, { base }) =>
      base.type === 'FakeQuantized' && output.formats?.some(isAdapterForm) === true,
    cel: `!${isOnGrid} || ${noAdapterForm}`,
    sentence:
      'asks for a file of the adapter, but method.base is FakeQuantized: the adapter was added before weights were rounded, and beside them it is another model',
    hint: 'ask for CompressedTensors, MergedSafetensors or GGUF, or write method.base: { type: Dense }',
  },
  {
    id: 'integers are written where there are some',
    path: ['output', 'formats'],
    meets: ({ output }, { base }) =>
      base.type !== 'FakeQuantized' && output.formats?.includes('CompressedTensors') === true,
    cel: `${isOnGrid} || ${noForm('CompressedTensors')}`,
    sentence:
      'asks for CompressedTensors, but method.base is not FakeQuantized: weights were not trained as integers',
    hint: 'ask for MergedSafetensors, or write method.base: { type: FakeQuantized }',
  },
  {
    id: 'a group size is that of groups',
    path: ['method', 'base', 'fakeQuantized', 'groupSize'],
    meets: ({ method }, { base }) =>
      base.type === 'FakeQuantized' &&
      base.fakeQuantized.strategy === 'Channel' &&
      method.base?.fakeQuantized?.groupSize !== undefined,
    sentence: 'is set, but strategy is Channel: a scale is that of a whole row',
    hint: 'leave it out, or write strategy: Group',
  },
  {
    id: 'rates of scales are those of learned ones',
    path: ['method', 'base', 'fakeQuantized', 'learningRateRatio'],
    meets: ({ method }, { base }) =>
      base.type === 'FakeQuantized' &&
      base.fakeQuantized.scales === 'Fitted' &&
      method.base?.fakeQuantized?.learningRateRatio !== undefined,
    sentence: 'is set, but scales are Fitted: they follow from the weights and are not trained',
    hint: 'leave it out, or write scales: Learned',
  },
  {
    id: 'integers that stay have no adapter',
    path: ['method', 'adapter', 'type'],
    meets: (_, method) => trainsScales(method) && method.adapter.type !== 'None',
    sentence:
      'is an adapter, but method.base trains scales alone: what it would add before rounding moves integers that are to stay',
    hint: 'write adapter: { type: None }, or trains: Weights',
  },
  {
    id: 'scales that train are learned',
    path: ['method', 'base', 'fakeQuantized', 'scales'],
    meets: (_, method) =>
      method.base.type === 'FakeQuantized' &&
      trainsScales(method) &&
      method.base.fakeQuantized.scales === 'Fitted',
    sentence: 'is Fitted, but trains is Scales: nothing would be trained',
    hint: 'leave it out, or write trains: Weights',
  },
  {
    id: 'changes before rounding are those of matrices',
    path: ['method', 'base', 'type'],
    meets: (_, { adapter, base }) => base.type === 'FakeQuantized' && others.includes(adapter.type),
    sentence:
      'is FakeQuantized, which rounds weights with the change of an adapter in them; method.adapter has experts, or places that it chooses again by gradients of the weights',
    hint: 'write method.base: { type: NF4 }, or adapter: { type: LoRA }',
  },
  {
    id: 'what is added before rounding drops no inputs',
    path: ['method', 'adapter'],
    meets: (_, { adapter, base }) => base.type === 'FakeQuantized' && dropoutOf(adapter) > 0,
    sentence:
      'has dropout, which drops inputs of the adapter alone; method.base is FakeQuantized, which adds the adapter to the weights before they are rounded',
    hint: 'write dropout: "0", or method.base: { type: NF4 }',
  },
  {
    id: 'weights on a grid have one rounding',
    path: ['method', 'precision', 'bfloat16', 'trainedWeights'],
    meets: (_, { base, precision }) =>
      base.type === 'FakeQuantized' &&
      precision.type === 'BFloat16' &&
      precision.bfloat16.trainedWeights === 'Int8',
    sentence: 'is Int8, but method.base is FakeQuantized, which rounds the same weights',
    hint: 'leave it out',
  },
  {
    id: 'gradients through a grid are whole',
    path: ['method', 'optimizer', 'type'],
    meets: (_, { base, optimizer }) =>
      base.type === 'FakeQuantized' && projectionOf(optimizer) !== null,
    sentence:
      'projects gradients before they are whole; method.base is FakeQuantized, whose scales need all of them',
    hint: 'write another optimizer such as AdamW8bit, or method.base: { type: Dense }',
  },
  {
    id: 'rules of rows and noise are for weights that are not rounded',
    path: ['method', 'rule', 'type'],
    meets: (_, { base, rule }) =>
      base.type === 'FakeQuantized' && (rule.type === 'GGPO' || rule.type === 'ALLoRA'),
    sentence:
      'changes rows of weights or their rates; method.base is FakeQuantized, which rounds weights and trains scales of their rows',
    hint: 'write rule: { type: None }, or method.base: { type: Dense }',
  },
];

type Adapter = Parameters<typeof entryOf<'adapter'>>[1];

function dropoutOf(adapter: Adapter): number {
  return Number(entryOf('adapter', adapter).own['dropout'] ?? 0);
}
