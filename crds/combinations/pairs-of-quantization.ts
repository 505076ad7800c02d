// What settings of quantizing after training (output.quantization) are not combined with.
import {
  isCalibrated,
  isReconstructed,
  isTransformed,
  type Quantization,
  quantization,
} from '../api/quantization.ts';
import { asksForGptqOrAwq, noGptqNorAwq, type Pair } from './pair.ts';

const {
  bits: defaultBits,
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

interface PairOfField extends Pick<Pair, 'id' | 'sentence' | 'hint'> {
  readonly field: keyof Quantization;
  readonly meets: (own: Quantization) => boolean;
  /** The allowed case of a job with `output.quantization`. */
  readonly cel: string;
}

function pair({ field, meets, cel, ...rest }: PairOfField): Pair {
  return {
    ...rest,
    path: ['output', 'quantization', field],
    meets: ({ output: { quantization: own } }) => own !== undefined && meets(own),
    cel: `${noQuantization} || ${cel}`,
  };
}

export const pairsOfQuantization: readonly Pair[] = [
  pair({
    id: 'a group size of the result is that of groups',
    field: 'groupSize',
    meets: (own) => own.strategy === 'Channel' && own.groupSize !== defaultGroup,
    cel: `${own}.strategy != 'Channel' || ${own}.groupSize == ${defaultGroup}`,
    sentence: 'is set, but strategy is Channel: a scale is that of a whole row',
    hint: 'leave it out, or write strategy: Group',
  }),
  pair({
    id: 'bits and ranges of the result are those of integers',
    field: 'weights',
    meets: (own) =>
      own.weights !== 'Integer' &&
      (own.bits !== 4 || own.strategy !== 'Group' || own.range !== 'Asymmetric'),
    cel: `${own}.weights == 'Integer' || (${own}.bits == 4 && ${own}.strategy == 'Group' && ${own}.range == 'Asymmetric')`,
    sentence: 'is a form with bits and scales of its own, but bits, strategy or range is set',
    hint: 'leave them out, or write weights: Integer',
  }),
  pair({
    id: 'what trains after training are integers',
    field: 'method',
    meets: (own) => own.weights !== 'Integer' && isReconstructed(own),
    cel: `${own}.weights == 'Integer' || ${own}.method in ['RoundToNearest', 'GPTQ']`,
    sentence: 'trains scales of integers, but weights is a form of floating point',
    hint: 'write method: GPTQ, or weights: Integer',
  }),
  {
    id: 'layouts of GPTQ and AWQ hold integers',
    path: ['output', 'formats'],
    meets: ({ output }) =>
      output.quantization !== undefined &&
      output.quantization.weights !== 'Integer' &&
      asksForGptqOrAwq(output),
    cel: `${noQuantization} || ${own}.weights == 'Integer' || ${noGptqNorAwq}`,
    sentence: 'asks for GPTQ or AWQ, which hold integers, but weights is a form of floating point',
    hint: 'ask for CompressedTensors, or write weights: Integer',
  },
  pair({
    id: 'forms of floating point have their groups',
    field: 'groupSize',
    meets: (own) => hasOwnGroups(own.weights) && own.groupSize !== defaultGroup,
    cel: `!(${own}.weights in ['FP8', 'NVFP4', 'MXFP4']) || ${own}.groupSize == ${defaultGroup}`,
    sentence: 'is set, but the form in weights has groups of its own, or a scale for each row',
    hint: 'leave it out, or write weights: FP4',
  }),
  pair({
    id: 'rounded inputs meet weights that a runtime multiplies with them',
    field: 'activations',
    meets: (own) =>
      own.activations !== 'None' &&
      (own.weights === 'Integer'
        ? own.range === 'Asymmetric'
        : own.activations !== 'Float8' || !own.weights.startsWith('FP')),
    cel: `${own}.activations == 'None' || (${own}.weights == 'Integer' ? ${own}.range == 'Symmetric' : (${own}.activations == 'Float8' && ${own}.weights.startsWith('FP')))`,
    sentence:
      'is set, but no runtime multiplies such inputs with these weights: integers must have no zero points, FP8 and FP4 want Float8, NVFP4 and MXFP4 want inputs as they are',
    hint: 'write range: Symmetric beside integers, activations: Float8 beside FP8, or leave it out',
  }),
  pair({
    id: 'powers of two are not fitted',
    field: 'scaleRefits',
    meets: (own) => (own.weights === 'FP4' || own.weights === 'MXFP4') && own.scaleRefits > 1,
    cel: `!(${own}.weights in ['FP4', 'MXFP4']) || ${own}.scaleRefits < 2`,
    sentence: 'is set, but scales of FP4 and MXFP4 are powers of two, which are not fitted',
    hint: 'leave it out, or write weights: NVFP4',
  }),
  {
    id: 'layouts of GPTQ and AWQ say nothing of inputs',
    path: ['output', 'formats'],
    meets: ({ output }) =>
      output.quantization !== undefined &&
      output.quantization.activations !== 'None' &&
      asksForGptqOrAwq(output),
    cel: `${noQuantization} || ${own}.activations == 'None' || ${noGptqNorAwq}`,
    sentence: 'asks for GPTQ or AWQ, which cannot say that inputs are rounded',
    hint: 'ask for CompressedTensors, or leave out output.quantization.activations',
  },
  pair({
    id: 'sequences pass where something is measured of them',
    field: 'calibrationSequences',
    meets: (own) => !isCalibrated(own) && own.calibrationSequences !== defaultSequences,
    cel: `${own}.method != 'RoundToNearest' || ${own}.scales == 'ClipSearch' || ${own}.scaleRefits > 0 || ${own}.smoothing != 'None' || ${own}.splitChannels > 0 || has(${own}.averageBits) || ${own}.calibrationSequences == ${defaultSequences}`,
    sentence:
      'is set, but RoundToNearest with scales of Extremes and no scaleRefits looks at weights alone',
    hint: 'leave it out, or write method: GPTQ',
  }),
  pair({
    id: 'layers have their own bits or common ones',
    field: 'averageBits',
    meets: (own) =>
      own.averageBits !== undefined &&
      (own.bits !== defaultBits || own.weights !== 'Integer' || isTransformed(own)),
    cel: `!has(${own}.averageBits) || (${own}.bits == ${defaultBits} && ${own}.weights == 'Integer' && ${own}.smoothing == 'None' && ${own}.splitChannels == 0)`,
    sentence:
      'gives each layer bits of its own, but bits, weights, smoothing or splitChannels is set, which are for all of them',
    hint: 'leave averageBits or the others out',
  }),
  {
    id: 'layouts of GPTQ and AWQ have one width',
    path: ['output', 'formats'],
    meets: ({ output }) =>
      output.quantization?.averageBits !== undefined && asksForGptqOrAwq(output),
    cel: `${noQuantization} || !has(${own}.averageBits) || ${noGptqNorAwq}`,
    sentence: 'asks for GPTQ or AWQ, whose layers all have the same bits, but averageBits is set',
    hint: 'ask for CompressedTensors, or write bits',
  },
  pair({
    id: 'updates are those of what trains',
    field: 'iterations',
    meets: (own) => !isReconstructed(own) && own.iterations !== defaultIterations,
    cel: `${own}.method in ['AdaQuant', 'CBQ'] || ${own}.iterations == ${defaultIterations}`,
    sentence: 'is set, but nothing trains with this method',
    hint: 'leave it out, or write method: AdaQuant',
  }),
  pair({
    id: 'windows are those of CBQ',
    field: 'window',
    meets: (own) =>
      own.method !== 'CBQ' && (own.window !== defaultWindow || own.overlap !== defaultOverlap),
    cel: `${own}.method == 'CBQ' || (${own}.window == ${defaultWindow} && ${own}.overlap == ${defaultOverlap})`,
    sentence: 'or overlap is set, but with this method blocks do not train together',
    hint: 'leave both out, or write method: CBQ',
  }),
  pair({
    id: 'windows train beside exact inputs',
    field: 'activations',
    meets: (own) => own.method === 'CBQ' && own.activations !== 'None',
    cel: `${own}.method != 'CBQ' || ${own}.activations == 'None'`,
    sentence: 'is set, but windows of blocks train on inputs that are not rounded',
    hint: 'write method: AdaQuant or GPTQ, or leave it out',
  }),
  pair({
    id: 'windows go on',
    field: 'overlap',
    meets: (own) => own.overlap >= own.window,
    cel: `${own}.overlap < ${own}.window`,
    sentence: 'must be less than window, or the next window would begin where this one did',
    hint: 'write overlap: 0 for a window of one block',
  }),
  pair({
    id: 'what is smoothed or split becomes integers',
    field: 'weights',
    meets: (own) => isTransformed(own) && own.weights !== 'Integer',
    cel: `${own}.weights == 'Integer' || ${own}.smoothing == 'None' && ${own}.splitChannels == 0`,
    sentence: 'is floating point, but smoothing and splitChannels are chosen by what integers lose',
    hint: 'leave them out, or write weights: Integer',
  }),
  pair({
    id: 'a branch of low rank is beside what is rounded',
    field: 'lowRank',
    meets: (own) => own.lowRank > 0 && isReconstructed(own),
    cel: `${own}.lowRank == 0 || ${own}.method in ['RoundToNearest', 'GPTQ']`,
    sentence: 'is set, but AdaQuant and CBQ train so that the integers do without',
    hint: 'write method: GPTQ, or leave it out',
  }),
  pair({
    id: 'what is smoothed or split does not train',
    field: 'method',
    meets: (own) => isTransformed(own) && isReconstructed(own),
    cel: `${own}.method in ['RoundToNearest', 'GPTQ'] || (${own}.smoothing == 'None' && ${own}.splitChannels == 0)`,
    sentence: 'trains on inputs and weights as they are, but smoothing or splitChannels is set',
    hint: 'write method: GPTQ, or leave them out',
  }),
  pair({
    id: 'a branch beside split channels is of smoothed weights',
    field: 'lowRank',
    meets: (own) => own.lowRank > 0 && own.splitChannels > 0 && own.smoothing === 'None',
    cel: `${own}.lowRank == 0 || ${own}.splitChannels == 0 || ${own}.smoothing != 'None'`,
    sentence: 'is set beside splitChannels, but smoothing is None',
    hint: 'write smoothing: Search, or leave one of both out',
  }),
  pair({
    id: 'channels are split for inputs that are rounded',
    field: 'splitChannels',
    meets: (own) => own.splitChannels > 0 && own.activations === 'None',
    cel: `${own}.splitChannels == 0 || ${own}.activations != 'None'`,
    sentence: 'is set, but activations is None: inputs that are not rounded lose nothing',
    hint: 'write activations: Int8, or leave it out',
  }),
];
