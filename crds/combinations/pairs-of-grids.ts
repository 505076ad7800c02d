// What rounding weights to a grid while they train is not combined with. In CEL are those of
// results alone: a definition has a limit of bytes.
import {
  isCalibrated,
  isReconstructed,
  isTransformed,
  type Quantization,
  quantization,
} from '../api/quantization.ts';
import { entryOf } from '../methods/entry-of.ts';
import { projectionOf } from '../methods/projection.ts';
import { integerForms, isAdapterForm, isIntegerForm } from '../names/result-folders.ts';
import { blocksOf, isOnGrid as roundsWeights, trainsScales } from '../plan/grid-bytes.ts';
import { is, noAdapterForm, noForm, type Pair } from './pair.ts';

const isOnGrid = is('base', 'FakeQuantized');
const others = ['MixLoRA', 'SpIEL'];
const {
  groupSize: defaultGroup,
  calibrationSequences: defaultSequences,
  iterations: defaultIterations,
  window: defaultWindow,
  overlap: defaultOverlap,
} = quantization.parse({});

const own = 'self.output.quantization';
const noQuantization = `!has(${own})`;

function hasOwnGroups(weights: Quantization['weights']): boolean {
  return weights !== 'Integer' && weights !== 'FP4';
}

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
      base.type !== 'FakeQuantized' &&
      output.quantization === undefined &&
      output.formats?.includes('CompressedTensors') === true,
    cel: `${isOnGrid} || has(self.output.quantization) || ${noForm('CompressedTensors')}`,
    sentence:
      'asks for CompressedTensors, but nothing makes integers of the weights: method.base is not FakeQuantized, and there is no output.quantization',
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
    meets: ({ output }) =>
      output.quantization === undefined &&
      output.formats?.some((form) => form === 'GPTQ' || form === 'AWQ') === true,
    cel: `has(self.output.quantization) || !has(self.output.formats) || !self.output.formats.exists(f, f in ['GPTQ', 'AWQ'])`,
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
    id: 'a group size of the result is that of groups',
    path: ['output', 'quantization', 'groupSize'],
    meets: ({ output }) =>
      output.quantization?.strategy === 'Channel' && output.quantization.groupSize !== defaultGroup,
    cel: `!has(self.output.quantization) || self.output.quantization.strategy != 'Channel' || self.output.quantization.groupSize == ${defaultGroup}`,
    sentence: 'is set, but strategy is Channel: a scale is that of a whole row',
    hint: 'leave it out, or write strategy: Group',
  },
  {
    id: 'bits and ranges of the result are those of integers',
    path: ['output', 'quantization', 'weights'],
    meets: ({ output: { quantization: own } }) =>
      own !== undefined &&
      own.weights !== 'Integer' &&
      (own.bits !== 4 || own.strategy !== 'Group' || own.range !== 'Asymmetric'),
    cel: `${noQuantization} || ${own}.weights == 'Integer' || (${own}.bits == 4 && ${own}.strategy == 'Group' && ${own}.range == 'Asymmetric')`,
    sentence: 'is a form with bits and scales of its own, but bits, strategy or range is set',
    hint: 'leave them out, or write weights: Integer',
  },
  {
    id: 'what trains after training are integers',
    path: ['output', 'quantization', 'method'],
    meets: ({ output: { quantization: own } }) =>
      own !== undefined && own.weights !== 'Integer' && isReconstructed(own),
    cel: `${noQuantization} || ${own}.weights == 'Integer' || ${own}.method in ['RoundToNearest', 'GPTQ']`,
    sentence: 'trains scales of integers, but weights is a form of floating point',
    hint: 'write method: GPTQ, or weights: Integer',
  },
  {
    id: 'layouts of GPTQ and AWQ hold integers',
    path: ['output', 'formats'],
    meets: ({ output: { formats, quantization: own } }) =>
      own !== undefined &&
      own.weights !== 'Integer' &&
      formats?.some((form) => form === 'GPTQ' || form === 'AWQ') === true,
    cel: `${noQuantization} || ${own}.weights == 'Integer' || !has(self.output.formats) || !self.output.formats.exists(f, f in ['GPTQ', 'AWQ'])`,
    sentence: 'asks for GPTQ or AWQ, which hold integers, but weights is a form of floating point',
    hint: 'ask for CompressedTensors, or write weights: Integer',
  },
  {
    id: 'forms of floating point have their groups',
    path: ['output', 'quantization', 'groupSize'],
    meets: ({ output: { quantization: own } }) =>
      own !== undefined && hasOwnGroups(own.weights) && own.groupSize !== defaultGroup,
    cel: `${noQuantization} || !(${own}.weights in ['FP8', 'NVFP4', 'MXFP4']) || ${own}.groupSize == ${defaultGroup}`,
    sentence: 'is set, but the form in weights has groups of its own, or a scale for each row',
    hint: 'leave it out, or write weights: FP4',
  },
  {
    id: 'rounded inputs meet weights that a runtime multiplies with them',
    path: ['output', 'quantization', 'activations'],
    meets: ({ output: { quantization: own } }) =>
      own !== undefined &&
      own.activations !== 'None' &&
      (own.weights === 'Integer'
        ? own.range === 'Asymmetric'
        : own.activations !== 'Float8' || !own.weights.startsWith('FP')),
    cel: `${noQuantization} || ${own}.activations == 'None' || (${own}.weights == 'Integer' ? ${own}.range == 'Symmetric' : (${own}.activations == 'Float8' && ${own}.weights.startsWith('FP')))`,
    sentence:
      'is set, but no runtime multiplies such inputs with these weights: integers must have no zero points, FP8 and FP4 want Float8, NVFP4 and MXFP4 want inputs as they are',
    hint: 'write range: Symmetric beside integers, activations: Float8 beside FP8, or leave it out',
  },
  {
    id: 'powers of two are not fitted',
    path: ['output', 'quantization', 'scaleRefits'],
    meets: ({ output: { quantization: own } }) =>
      own !== undefined &&
      (own.weights === 'FP4' || own.weights === 'MXFP4') &&
      own.scaleRefits > 1,
    cel: `${noQuantization} || !(${own}.weights in ['FP4', 'MXFP4']) || ${own}.scaleRefits < 2`,
    sentence: 'is set, but scales of FP4 and MXFP4 are powers of two, which are not fitted',
    hint: 'leave it out, or write weights: NVFP4',
  },
  {
    id: 'layouts of GPTQ and AWQ say nothing of inputs',
    path: ['output', 'formats'],
    meets: ({ output: { formats, quantization: own } }) =>
      own !== undefined &&
      own.activations !== 'None' &&
      formats?.some((form) => form === 'GPTQ' || form === 'AWQ') === true,
    cel: `!has(self.output.quantization) || self.output.quantization.activations == 'None' || !has(self.output.formats) || !self.output.formats.exists(f, f in ['GPTQ', 'AWQ'])`,
    sentence: 'asks for GPTQ or AWQ, which cannot say that inputs are rounded',
    hint: 'ask for CompressedTensors, or leave out output.quantization.activations',
  },
  {
    id: 'sequences pass where something is measured of them',
    path: ['output', 'quantization', 'calibrationSequences'],
    meets: ({ output: { quantization: own } }) =>
      own !== undefined && !isCalibrated(own) && own.calibrationSequences !== defaultSequences,
    cel: `!has(self.output.quantization) || self.output.quantization.method != 'RoundToNearest' || self.output.quantization.scales == 'ClipSearch' || self.output.quantization.scaleRefits > 0 || self.output.quantization.smoothing != 'None' || self.output.quantization.splitChannels > 0 || self.output.quantization.calibrationSequences == ${defaultSequences}`,
    sentence:
      'is set, but RoundToNearest with scales of Extremes and no scaleRefits looks at weights alone',
    hint: 'leave it out, or write method: GPTQ',
  },
  {
    id: 'updates are those of what trains',
    path: ['output', 'quantization', 'iterations'],
    meets: ({ output: { quantization: own } }) =>
      own !== undefined && !isReconstructed(own) && own.iterations !== defaultIterations,
    cel: `!has(self.output.quantization) || self.output.quantization.method in ['AdaQuant', 'CBQ'] || self.output.quantization.iterations == ${defaultIterations}`,
    sentence: 'is set, but nothing trains with this method',
    hint: 'leave it out, or write method: AdaQuant',
  },
  {
    id: 'windows are those of CBQ',
    path: ['output', 'quantization', 'window'],
    meets: ({ output: { quantization: own } }) =>
      own !== undefined &&
      own.method !== 'CBQ' &&
      (own.window !== defaultWindow || own.overlap !== defaultOverlap),
    cel: `!has(self.output.quantization) || self.output.quantization.method == 'CBQ' || (self.output.quantization.window == ${defaultWindow} && self.output.quantization.overlap == ${defaultOverlap})`,
    sentence: 'or overlap is set, but with this method blocks do not train together',
    hint: 'leave both out, or write method: CBQ',
  },
  {
    id: 'windows train beside exact inputs',
    path: ['output', 'quantization', 'activations'],
    meets: ({ output: { quantization: own } }) =>
      own !== undefined && own.method === 'CBQ' && own.activations !== 'None',
    cel: `!has(self.output.quantization) || self.output.quantization.method != 'CBQ' || self.output.quantization.activations == 'None'`,
    sentence: 'is set, but windows of blocks train on inputs that are not rounded',
    hint: 'write method: AdaQuant or GPTQ, or leave it out',
  },
  {
    id: 'windows go on',
    path: ['output', 'quantization', 'overlap'],
    meets: ({ output: { quantization: own } }) => own !== undefined && own.overlap >= own.window,
    cel: '!has(self.output.quantization) || self.output.quantization.overlap < self.output.quantization.window',
    sentence: 'must be less than window, or the next window would begin where this one did',
    hint: 'write overlap: 0 for a window of one block',
  },
  {
    id: 'what is smoothed or split becomes integers',
    path: ['output', 'quantization', 'weights'],
    meets: ({ output: { quantization: own } }) =>
      own !== undefined && isTransformed(own) && own.weights !== 'Integer',
    cel: "!has(self.output.quantization) || self.output.quantization.weights == 'Integer' || self.output.quantization.smoothing == 'None' && self.output.quantization.splitChannels == 0",
    sentence: 'is floating point, but smoothing and splitChannels are chosen by what integers lose',
    hint: 'leave them out, or write weights: Integer',
  },
  {
    id: 'a branch of low rank is beside what is rounded',
    path: ['output', 'quantization', 'lowRank'],
    meets: ({ output: { quantization: own } }) =>
      own !== undefined && own.lowRank > 0 && isReconstructed(own),
    cel: `${noQuantization} || ${own}.lowRank == 0 || ${own}.method in ['RoundToNearest', 'GPTQ']`,
    sentence: 'is set, but AdaQuant and CBQ train so that the integers do without',
    hint: 'write method: GPTQ, or leave it out',
  },
  {
    id: 'what is smoothed or split does not train',
    path: ['output', 'quantization', 'method'],
    meets: ({ output: { quantization: own } }) =>
      own !== undefined && isTransformed(own) && isReconstructed(own),
    cel: `${noQuantization} || ${own}.method in ['RoundToNearest', 'GPTQ'] || (${own}.smoothing == 'None' && ${own}.splitChannels == 0)`,
    sentence: 'trains on inputs and weights as they are, but smoothing or splitChannels is set',
    hint: 'write method: GPTQ, or leave them out',
  },
  {
    id: 'a branch beside split channels is of smoothed weights',
    path: ['output', 'quantization', 'lowRank'],
    meets: ({ output: { quantization: own } }) =>
      own !== undefined && own.lowRank > 0 && own.splitChannels > 0 && own.smoothing === 'None',
    cel: `${noQuantization} || ${own}.lowRank == 0 || ${own}.splitChannels == 0 || ${own}.smoothing != 'None'`,
    sentence: 'is set beside splitChannels, but smoothing is None',
    hint: 'write smoothing: Search, or leave one of both out',
  },
  {
    id: 'channels are split for inputs that are rounded',
    path: ['output', 'quantization', 'splitChannels'],
    meets: ({ output: { quantization: own } }) =>
      own !== undefined && own.splitChannels > 0 && own.activations === 'None',
    cel: "!has(self.output.quantization) || self.output.quantization.splitChannels == 0 || self.output.quantization.activations != 'None'",
    sentence: 'is set, but activations is None: inputs that are not rounded lose nothing',
    hint: 'write activations: Int8, or leave it out',
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
