// What rounding weights to a grid while they train is not combined with. In CEL are those of
// results alone: a definition has a limit of bytes.
import { entryOf } from '../methods/entry-of.ts';
import { projectionOf } from '../methods/projection.ts';
import { integerForms, isAdapterForm, isIntegerForm } from '../names/result-folders.ts';
import { blocksOf, isOnGrid as roundsWeights, trainsScales } from '../plan/grid-bytes.ts';
import { asksForGptqOrAwq, is, noAdapterForm, noForm, noGptqNorAwq, type Pair } from './pair.ts';

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
      !['FakeQuantized', 'Integer'].includes(base.type) &&
      output.quantization === undefined &&
      output.formats?.includes('CompressedTensors') === true,
    cel: `${is('base', 'FakeQuantized', 'Integer')} || has(self.output.quantization) || ${noForm('CompressedTensors')}`,
    sentence:
      'asks for CompressedTensors, but nothing makes integers of the weights: method.base is neither FakeQuantized nor Integer, and there is no output.quantization',
    hint: 'write output.quantization: {}, or method.base: { type: FakeQuantized } to train them as integers',
  },
  {
    id: 'quantized weights are written as integers',
    path: ['output', 'quantization'],
    meets: ({ output }) =>
      output.quantization !== undefined &&
      output.formats !== undefined &&
      !output.formats.some(isIntegerForm),
    cel: `!has(self.output.quantization) || !has(self.output.formats) || self.output.formats.exists(f, f in [${integerForms.map((form) => `'${form}'`).join(', ')}])`,
    sentence: 'is set, but no format of the result has its integers',
    hint: 'add CompressedTensors to output.formats, or leave out output.quantization',
  },
  {
    id: 'layouts of GPTQ and AWQ have integers made after training',
    path: ['output', 'formats'],
    meets: ({ output }) => output.quantization === undefined && asksForGptqOrAwq(output),
    cel: `has(self.output.quantization) || ${noGptqNorAwq}`,
    sentence: 'asks for GPTQ or AWQ, but there is no output.quantization that makes their integers',
    hint: 'write output.quantization: {}',
  },
  {
    id: 'the layout AWQ has 4 bits',
    path: ['output', 'quantization', 'bits'],
    meets: ({ output: { formats, quantization: own } }) =>
      own !== undefined && own.bits !== 4 && formats?.includes('AWQ') === true,
    cel: `!has(self.output.quantization) || self.output.quantization.bits == 4 || ${noForm('AWQ')}`,
    sentence: 'is not 4, and output.formats asks for AWQ, whose words hold eight integers',
    hint: 'write bits: 4, or ask for GPTQ',
  },
  {
    id: 'weights that train on a grid stay on it',
    path: ['output', 'quantization'],
    meets: ({ output }, { base }) => output.quantization !== undefined && roundsWeights({ base }),
    cel: `!has(self.output.quantization) || !${is('base', 'FakeQuantized', 'AdaPT')}`,
    sentence:
      'is set, but method.base has trained the weights on a grid, and another would undo it',
    hint: 'leave it out, or write method.base: { type: Dense }',
  },
  {
    id: 'what is quantized is a model of matrices',
    path: ['output', 'quantization'],
    meets: ({ output }, { adapter, base }) =>
      output.quantization !== undefined && (adapter.type === 'MixLoRA' || base.type === 'Codebook'),
    cel: `!has(self.output.quantization) || !(${is('adapter', 'MixLoRA')} || ${is('base', 'Codebook')})`,
    sentence:
      'is set, but the result has experts in place of matrices, or codes of codebooks already',
    hint: 'leave it out, or choose another adapter and base',
  },
  {
    id: 'blocks of a GGUF file are no integers with scales',
    path: ['output', 'formats'],
    meets: ({ output }, method) =>
      blocksOf(method) !== null && output.formats?.includes('CompressedTensors') === true,
    sentence:
      'asks for CompressedTensors, but method.base has fakeQuantized.gguf: weights were trained as blocks of a GGUF file',
    hint: 'ask for GGUF or MergedSafetensors, or leave fakeQuantized.gguf out',
  },
  {
    id: 'a GGUF file has the blocks that trained',
    path: ['output', 'gguf', 'type'],
    meets: ({ output: { gguf } }, method) =>
      blocksOf(method) !== null && gguf.type !== undefined && gguf.type !== blocksOf(method),
    sentence:
      'is another type than fakeQuantized.gguf of method.base: weights were trained for the blocks of that, and would be rounded once more',
    hint: 'leave it out, or write the same type in both',
  },
  {
    id: 'codes that trained are not chosen again',
    path: ['output', 'gguf', 'calibrationSequences'],
    meets: ({ output: { gguf } }, method) =>
      blocksOf(method) !== null && gguf.calibrationSequences > 0,
    sentence: 'is set, but the blocks of method.base.fakeQuantized.gguf are those that trained',
    hint: 'leave it out, or leave fakeQuantized.gguf out',
  },
  {
    id: 'blocks of a GGUF file have no other settings',
    path: ['method', 'base', 'fakeQuantized', 'gguf'],
    meets: ({ method }, resolved) =>
      blocksOf(resolved) !== null &&
      (trainsScales(resolved) || Object.keys(method.base?.fakeQuantized ?? {}).length > 1),
    sentence:
      'is set beside other fields: bits, groups and scales are those of its blocks, and follow from the weights that train',
    hint: 'leave the others out, or this one',
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
    id: 'formats that change are those of trained weights',
    path: ['method', 'adapter', 'type'],
    meets: (_, { adapter, base }) => base.type === 'AdaPT' && adapter.type !== 'None',
    sentence:
      'is an adapter, but method.base is AdaPT, which finds formats by the gradients of the weights: they would be frozen',
    hint: 'write adapter: { type: None }, or method.base: { type: FakeQuantized }',
  },
  {
    id: 'look-backs have an order',
    path: ['method', 'base', 'adapt', 'minLookback'],
    meets: (_, { base }) =>
      base.type === 'AdaPT' && base.adapt.minLookback > base.adapt.maxLookback,
    sentence: 'is more than maxLookback',
    hint: 'write both, such as minLookback: 10 and maxLookback: 40',
  },
  {
    id: 'weights on a grid have one rounding',
    path: ['method', 'precision', 'bfloat16', 'trainedWeights'],
    meets: (_, { base, precision }) =>
      roundsWeights({ base }) &&
      precision.type === 'BFloat16' &&
      precision.bfloat16.trainedWeights === 'Int8',
    sentence: 'is Int8, but method.base rounds the same weights to a grid',
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
