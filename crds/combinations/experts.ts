// What a mixture of experts cannot be combined with.
import { fewBits, hasFewBits } from '../methods/few-bits.ts';
import { lastPart } from '../methods/linears.ts';
import { is, noForm, type Pair } from './pair.ts';

/** Linear layers of the MLPs of decoders. */
const ofMlp = new Set(['gate_proj', 'up_proj', 'gate_up_proj', 'down_proj']);

export const expertPairs: readonly Pair[] = [
  {
    id: 'a mixture of experts has a file of its own',
    path: ['output', 'formats'],
    meets: ({ output }, { adapter }) =>
      adapter.type === 'MixLoRA' && output.formats?.some((form) => form !== 'MixLoRA') === true,
    cel: `!${is('adapter', 'MixLoRA')} || !has(self.output.formats) || self.output.formats.all(f, f == 'MixLoRA')`,
    sentence:
      'asks for weights or for a LoRA, but method.adapter is MixLoRA, whose experts are chosen token by token: no weights and no LoRA compute what they do',
    hint: 'ask for MixLoRA, or leave formats out',
  },
  {
    id: 'a file of experts needs experts',
    path: ['output', 'formats'],
    meets: ({ output }, { adapter }) =>
      adapter.type !== 'MixLoRA' && output.formats?.includes('MixLoRA') === true,
    cel: `${is('adapter', 'MixLoRA')} || ${noForm('MixLoRA')}`,
    sentence: 'asks for MixLoRA, but method.adapter is another: there are no experts to write',
    hint: 'ask for PEFTAdapter, or write method.preset: MixLoRA',
  },
  {
    id: 'experts are in MLPs',
    path: ['method', 'adapter', 'mixLora', 'targetModules'],
    meets: (_, { adapter }) =>
      adapter.type === 'MixLoRA' &&
      !adapter.mixLora.targetModules.some((one) => one === 'AllLinear' || ofMlp.has(lastPart(one))),
    sentence: 'names no layer of the MLP, where experts are',
    hint: 'add down_proj, or write adapter: { type: LoRA }',
  },
  {
    id: 'a token goes to experts that there are',
    path: ['method', 'adapter', 'mixLora', 'topK'],
    meets: (_, { adapter }) =>
      adapter.type === 'MixLoRA' && adapter.mixLora.topK > adapter.mixLora.numExperts,
    sentence: 'is above numExperts; a token cannot go to more experts than there are',
  },
  {
    id: 'experts are computed in the type of the model',
    code: 'E_NOT_BUILT',
    path: ['method', 'adapter', 'type'],
    meets: (_, { adapter, precision }) => adapter.type === 'MixLoRA' && hasFewBits({ precision }),
    cel: `!${is('adapter', 'MixLoRA')} || !${is('precision', ...fewBits)}`,
    sentence:
      'is MixLoRA, and method.precision mixes neighbouring tokens before it rounds; this version does not do that for rows that are sorted by expert',
    hint: 'write method.precision: { type: BFloat16 }',
  },
  {
    id: 'density is that of one MLP',
    path: ['method', 'rule', 'type'],
    meets: (_, { adapter, rule }) => adapter.type === 'MixLoRA' && rule.type === 'DensityLoss',
    cel: `!${is('adapter', 'MixLoRA')} || !${is('rule', 'DensityLoss')}`,
    sentence:
      'is DensityLoss, which counts the activations of one MLP for each token; method.adapter is MixLoRA, which has several',
    hint: 'write adapter: { type: LoRA }, or rule: { type: None }',
  },
];
