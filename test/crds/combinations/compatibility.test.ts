import test from 'ava';
import fc from 'fast-check';
import { incompatibilities, pairs } from '../../../crds/combinations/compatibility.ts';
import { pairsOfTasks } from '../../../crds/combinations/pairs-of-tasks.ts';
import { pairsOfTrajectories } from '../../../crds/combinations/pairs-of-trajectories.ts';
import { fieldDocs } from '../../../crds/explain/explain.ts';
import { axisEntries, presets } from '../../../crds/methods/index.ts';
import { resolveMethod } from '../../../crds/methods/resolve.ts';
import { aSpec } from '../../builders/job.ts';
import { celHolds } from '../../doubles/cel.ts';
import { casesOfClassification } from './cases-of-classification.ts';
import { casesOfComparing } from './cases-of-comparing.ts';
import { casesOfRestoration } from './cases-of-restoration.ts';
import { casesOfSearches } from './cases-of-searches.ts';
import { casesOfSpeech } from './cases-of-speech.ts';
import { casesOfTracking } from './cases-of-tracking.ts';
import { casesOfTrajectories } from './cases-of-trajectories.ts';
import { type Cases, casesOfValues } from './cases-of-values.ts';

/**
 * For each pair: changes to the smallest job that make the two meet, and changes that keep them
 * apart.
 */
const cases: Cases = {
  'an adapter file needs an adapter': {
    meet: { method: { preset: 'Full' }, 'output.formats': ['PEFTAdapter'] },
    apart: { 'output.formats': ['PEFTAdapter'] },
  },
  'an adapter that changed its base is for a base that others have': {
    meet: {
      method: { preset: 'PiSSA', base: { type: 'NF4' } },
      'output.formats': ['MergedSafetensors', 'PEFTAdapter'],
    },
    apart: { method: { preset: 'KaSA' }, 'output.formats': ['PEFTAdapter'] },
  },
  'ranks by spectrum are those of decomposed weights': {
    meet: { method: spectrum('LoRA') },
    apart: { method: spectrum('Svd') },
  },
  'gradients are those of dense weights': {
    meet: { method: { preset: 'LoRAGA', base: { type: 'Int8' } } },
    apart: { method: { preset: 'LoRASB' } },
  },
  'what quantizing loses is that of a quantized base': {
    meet: { method: { preset: 'LQLoRA', base: { type: 'Dense' } } },
    apart: { method: { preset: 'LQLoRA', base: { type: 'Int8' } } },
  },
  'codes are written where there are some': {
    meet: { method: { preset: 'Full' }, 'output.formats': ['AQLM'] },
    apart: { method: { preset: 'PVTuning' }, 'output.formats': ['AQLM'] },
  },
  'a mixture of experts has a file of its own': {
    meet: { method: { preset: 'MixLoRA' }, 'output.formats': ['MixLoRA', 'PEFTAdapter'] },
    apart: { method: { preset: 'MixLoRA' }, 'output.formats': ['MixLoRA'] },
  },
  'a file of experts needs experts': {
    meet: { method: { preset: 'LoRA' }, 'output.formats': ['MixLoRA'] },
    apart: { method: { preset: 'MixLoRA' }, 'output.formats': ['MixLoRA'] },
  },
  ...casesOfClassification,
  ...casesOfComparing,
  ...casesOfRestoration,
  ...casesOfTracking,
  ...casesOfSpeech,
  ...casesOfTrajectories,
  ...casesOfSearches,
  'experts are in MLPs': {
    meet: { method: mixture({ targetModules: ['q_proj'] }) },
    apart: { method: mixture({ targetModules: ['q_proj', 'mlp.up_proj'] }) },
  },
  'a token goes to experts that there are': {
    meet: { method: mixture({ numExperts: 2, topK: 3 }) },
    apart: { method: mixture({ numExperts: 3, topK: 3 }) },
  },
  'experts are computed in the type of the model': {
    meet: { method: { preset: 'MixLoRA', precision: { type: 'HALO' } } },
    apart: { method: { preset: 'MixLoRA', precision: { type: 'Float32' } } },
  },
  'noise follows the gradients of two factors': {
    meet: { method: { preset: 'RandLoRA', rule: { type: 'GGPO' } } },
    apart: { method: { preset: 'PiSSA', rule: { type: 'GGPO' } } },
  },
  'noise is added to weights that stay as they are': {
    meet: { method: { preset: 'LoRAGGPO', precision: { type: 'HALO' } } },
    apart: { method: { preset: 'LoRAGGPO', base: { type: 'NF4' } } },
  },
  'a student that begins as its teacher needs another loss': {
    meet: { 'training.distillation': { weight: '1' } },
    apart: { 'training.distillation': { weight: '1' }, 'method.preset': 'QLoRA' },
  },
  'noise has a size': {
    meet: { method: { preset: 'LoRA', rule: { type: 'GGPO', ggpo: { sigma: '0', beta: '0' } } } },
    apart: { method: { preset: 'LoRA', rule: { type: 'GGPO', ggpo: { sigma: '0' } } } },
  },
  'what is added before rounding is no file of its own': {
    meet: { 'method.preset': 'L4Q', 'output.formats': ['MergedSafetensors', 'PEFTAdapter'] },
    apart: { 'method.preset': 'L4Q', 'output.formats': ['MergedSafetensors', 'GGUF'] },
  },
  'forms are chosen by what an adapter leaves of losses': {
    meet: { method: { preset: 'LoRA', base: { type: 'Mixed' } } },
    apart: { method: { preset: 'LQLoRA', base: { type: 'Mixed' } } },
  },
  'integers that are made with inputs are those of whole weights': {
    meet: { method: { preset: 'PiSSA', base: { type: 'Integer' } } },
    apart: {
      method: { preset: 'PiSSA', base: { type: 'Integer', integer: { calibrationSequences: 0 } } },
    },
  },
  'integers that an adapter belongs on are those of whole weights': {
    meet: {
      method: { preset: 'PiSSA', base: { type: 'Integer', integer: { calibrationSequences: 0 } } },
      'output.formats': ['CompressedTensors'],
    },
    apart: { 'method.preset': 'INT21', 'output.formats': ['CompressedTensors'] },
  },
  'integers are written where there are some': {
    meet: { 'method.preset': 'LoRA', 'output.formats': ['CompressedTensors'] },
    apart: { 'output.quantization': {}, 'output.formats': ['CompressedTensors'] },
  },
  'quantized weights are written as integers': {
    meet: { 'output.quantization': {}, 'output.formats': ['MergedSafetensors'] },
    apart: { 'output.quantization': {}, 'output.formats': ['CompressedTensors', 'GGUF'] },
  },
  'layouts of GPTQ and AWQ have integers made after training': {
    meet: { 'method.preset': 'L4Q', 'output.formats': ['GPTQ'] },
    apart: { 'output.quantization': {}, 'output.formats': ['GPTQ', 'AWQ'] },
  },
  'layouts of GPTQ and AWQ say nothing of inputs': {
    meet: {
      'output.quantization': { range: 'Symmetric', activations: 'Int8' },
      'output.formats': ['AWQ'],
    },
    apart: { 'output.quantization': {}, 'output.formats': ['AWQ'] },
  },
  'the layout AWQ has 4 bits': {
    meet: { 'output.quantization': { bits: 3 }, 'output.formats': ['GPTQ', 'AWQ'] },
    apart: { 'output.quantization': { bits: 3 }, 'output.formats': ['GPTQ'] },
  },
  'weights that train on a grid stay on it': {
    meet: { 'method.preset': 'L4Q', 'output.quantization': {} },
    apart: { 'method.preset': 'QLoRA', 'output.quantization': {} },
  },
  'what is quantized is a model of matrices': {
    meet: { 'method.preset': 'MixLoRA', 'output.quantization': {} },
    apart: { 'method.preset': 'LoRA', 'output.quantization': {} },
  },
  'a group size of the result is that of groups': {
    meet: { 'output.quantization': { strategy: 'Channel', groupSize: 32 } },
    apart: { 'output.quantization': { strategy: 'Channel' } },
  },
  'bits and ranges of the result are those of integers': {
    meet: { 'output.quantization': { weights: 'FP8', bits: 8 } },
    apart: { 'output.quantization': { weights: 'FP8' } },
  },
  'forms of floating point have their groups': {
    meet: { 'output.quantization': { weights: 'NVFP4', groupSize: 32 } },
    apart: { 'output.quantization': { weights: 'FP4', groupSize: 32 } },
  },
  'rounded inputs meet weights that a runtime multiplies with them': {
    meet: { 'output.quantization': { activations: 'Int8' } },
    apart: { 'output.quantization': { activations: 'Int8', range: 'Symmetric' } },
  },
  'powers of two are not fitted': {
    meet: { 'output.quantization': { weights: 'MXFP4', scaleRefits: 2 } },
    apart: { 'output.quantization': { weights: 'NVFP4', scaleRefits: 2 } },
  },
  'sequences pass where something is measured of them': {
    meet: {
      'output.quantization': {
        ...{ method: 'RoundToNearest', scales: 'Extremes', scaleRefits: 0 },
        calibrationSequences: 8,
      },
    },
    apart: { 'output.quantization': { calibrationSequences: 8 } },
  },
  'layers have their own bits or common ones': {
    meet: { 'output.quantization': { bits: 3, averageBits: '3.5' } },
    apart: { 'output.quantization': { averageBits: '3.5' } },
  },
  'layouts of GPTQ and AWQ have one width': {
    meet: { 'output.quantization': { averageBits: '3.5' }, 'output.formats': ['GPTQ'] },
    apart: { 'output.quantization': {}, 'output.formats': ['GPTQ'] },
  },
  'updates are those of what trains': {
    meet: { 'output.quantization': { method: 'GPTQ', iterations: 50 } },
    apart: { 'output.quantization': { method: 'AdaQuant', iterations: 50 } },
  },
  'windows are those of CBQ': {
    meet: { 'output.quantization': { window: 3 } },
    apart: { 'output.quantization': { method: 'CBQ', window: 3 } },
  },
  'windows train beside exact inputs': {
    meet: {
      'output.quantization': { method: 'CBQ', range: 'Symmetric', activations: 'Int8' },
    },
    apart: {
      'output.quantization': { method: 'AdaQuant', range: 'Symmetric', activations: 'Int8' },
    },
  },
  'what trains after training are integers': {
    meet: { 'output.quantization': { method: 'AdaQuant', weights: 'NVFP4' } },
    apart: { 'output.quantization': { method: 'GPTQ', weights: 'NVFP4' } },
  },
  'layouts of GPTQ and AWQ hold integers': {
    meet: { 'output.quantization': { weights: 'FP8' }, 'output.formats': ['GPTQ'] },
    apart: { 'output.quantization': { weights: 'FP8' }, 'output.formats': ['CompressedTensors'] },
  },
  'windows go on': {
    meet: { 'output.quantization': { method: 'CBQ', window: 1 } },
    apart: { 'output.quantization': { method: 'CBQ', window: 1, overlap: 0 } },
  },
  'what is smoothed or split becomes integers': {
    meet: { 'output.quantization': { smoothing: 'Search', weights: 'FP8' } },
    apart: { 'output.quantization': { smoothing: 'Search' } },
  },
  'a branch of low rank is beside what is rounded': {
    meet: { 'output.quantization': { lowRank: 8, method: 'CBQ' } },
    apart: { 'output.quantization': { lowRank: 8, weights: 'FP4' } },
  },
  'what is smoothed or split does not train': {
    meet: { 'output.quantization': { smoothing: 'Search', method: 'CBQ' } },
    apart: { 'output.quantization': { smoothing: 'Search' } },
  },
  'a branch beside split channels is of smoothed weights': {
    meet: {
      'output.quantization': {
        ...{ lowRank: 8, splitChannels: 8, range: 'Symmetric', activations: 'Int8' },
      },
    },
    apart: {
      'output.quantization': {
        ...{ lowRank: 8, splitChannels: 8, range: 'Symmetric', activations: 'Int8' },
        smoothing: 'Search',
      },
    },
  },
  'channels are split for inputs that are rounded': {
    meet: { 'output.quantization': { splitChannels: 8 } },
    apart: { 'output.quantization': { splitChannels: 8, range: 'Symmetric', activations: 'Int8' } },
  },
  'blocks of a GGUF file are no integers with scales': {
    meet: { method: onGrid({ gguf: 'Q4_K' }), 'output.formats': ['CompressedTensors'] },
    apart: { method: onGrid({ gguf: 'Q4_K' }), 'output.formats': ['MergedSafetensors'] },
  },
  'a GGUF file has the blocks that trained': {
    meet: { method: onGrid({ gguf: 'Q4_K' }), 'output.gguf': { type: 'Q4_0' } },
    apart: { method: onGrid({ gguf: 'Q4_K' }), 'output.gguf': { type: 'Q4_K' } },
  },
  'codes that trained are not chosen again': {
    meet: {
      method: onGrid({ gguf: 'Q4_K' }),
      'output.gguf': { type: 'Q4_K', calibrationSequences: 4 },
    },
    apart: { 'output.gguf': { type: 'Q4_K', calibrationSequences: 4 } },
  },
  'blocks of a GGUF file have no other settings': {
    meet: { method: onGrid({ gguf: 'Q4_K', bits: 4 }) },
    apart: { method: onGrid({ gguf: 'Q4_K' }) },
  },
  'a group size is that of groups': {
    meet: { method: onGrid({ strategy: 'Channel', groupSize: 32 }) },
    apart: { method: onGrid({ groupSize: 32 }) },
  },
  'rates of scales are those of learned ones': {
    meet: { method: onGrid({ scales: 'Fitted', learningRateRatio: '1' }) },
    apart: { method: onGrid({ scales: 'Fitted' }) },
  },
  'integers that stay have no adapter': {
    meet: { method: { preset: 'PEQA', adapter: { type: 'LoRA' } } },
    apart: { method: { preset: 'L4Q', adapter: { type: 'LoRA' } } },
  },
  'scales that train are learned': {
    meet: { method: onGrid({ trains: 'Scales', scales: 'Fitted' }) },
    apart: { method: onGrid({ scales: 'Fitted' }) },
  },
  'changes before rounding are those of matrices': {
    meet: { method: { preset: 'SpIEL', base: { type: 'FakeQuantized' } } },
    apart: { method: { preset: 'RandLoRA', base: { type: 'FakeQuantized' } } },
  },
  'what is added before rounding drops no inputs': {
    meet: { method: { preset: 'L4Q', adapter: { type: 'LoRA', lora: { dropout: '0.1' } } } },
    apart: { method: { preset: 'QLoRA', adapter: { type: 'LoRA', lora: { dropout: '0.1' } } } },
  },
  'formats that change are those of trained weights': {
    meet: { method: { preset: 'LoRA', base: { type: 'AdaPT' } } },
    apart: { method: { preset: 'LISA', base: { type: 'AdaPT' } } },
  },
  'look-backs have an order': {
    meet: { method: { preset: 'AdaPT', base: { type: 'AdaPT', adapt: { minLookback: 101 } } } },
    apart: { method: { preset: 'AdaPT', base: { type: 'AdaPT', adapt: { minLookback: 100 } } } },
  },
  'weights on a grid have one rounding': {
    meet: {
      method: {
        ...onGrid({}),
        precision: { type: 'BFloat16', bfloat16: { trainedWeights: 'Int8' } },
      },
    },
    apart: { method: { ...onGrid({}), precision: { type: 'BFloat16' } } },
  },
  'gradients through a grid are whole': {
    meet: { method: { ...onGrid({}), optimizer: { type: 'GaLore' } } },
    apart: { method: { ...onGrid({}), optimizer: { type: 'AdamW8bit' } } },
  },
  'rules of rows and noise are for weights that are not rounded': {
    meet: { method: { preset: 'L4Q', rule: { type: 'ALLoRA' } } },
    apart: { method: { preset: 'L4Q', rule: { type: 'DensityLoss' } } },
  },
  'density is that of one MLP': {
    meet: { method: { preset: 'MixLoRA', rule: { type: 'DensityLoss' } } },
    apart: { method: { preset: 'MixLoRA', rule: { type: 'ALLoRA' } } },
  },
  'results do not replace their model': {
    meet: {
      'model.source': { persistentVolumeClaim: { claimName: 'notes', path: 'out/merged' } },
    },
    apart: {
      'model.source': { persistentVolumeClaim: { claimName: 'notes', path: 'out-2/merged' } },
    },
  },
  'a quantised base needs an adapter': {
    meet: { method: { preset: 'Full', base: { type: 'NF4' } } },
    apart: { method: { preset: 'QLoRA' } },
  },
  'codebooks are what trains': {
    meet: { method: { preset: 'PVTuning', adapter: { type: 'LoRA' } } },
    apart: { method: { preset: 'PVTuning' } },
  },
  'codes and vectors are moved by PV-Tuning': {
    meet: { method: { preset: 'PVTuning', optimizer: { type: 'AdamW' } } },
    apart: { method: { preset: 'PVTuning', optimizer: { type: 'PVTuning' } } },
  },
  'PV-Tuning moves codes and vectors': {
    meet: { method: { preset: 'Full', optimizer: { type: 'PVTuning' } } },
    apart: {
      method: { preset: 'Full', optimizer: { type: 'PVTuning' }, base: { type: 'Codebook' } },
    },
  },
  'weights are stored in one kind of codes': {
    meet: {
      method: {
        preset: 'PVTuning',
        precision: { type: 'BFloat16', bfloat16: { trainedWeights: 'Int8' } },
      },
    },
    apart: { method: { preset: 'PVTuning', precision: { type: 'BFloat16' } } },
  },
  'outliers are those of the weights in the files': {
    meet: { method: { preset: 'PVTuning', selection: { type: 'OwLore' } } },
    apart: { method: { preset: 'PVTuning', selection: { type: 'LISA' } } },
  },
  'products in few bits are of dense weights': {
    meet: { method: { preset: 'QLoRA', precision: { type: 'MXFP4' } } },
    apart: { method: { preset: 'LoRA', precision: { type: 'MXFP4' } } },
  },
  'a change of full rank has a form of its own': {
    meet: { 'method.preset': 'RandLoRA', 'output.formats': ['PEFTAdapter', 'GGUFAdapter'] },
    apart: { 'method.preset': 'RandLoRA', 'output.formats': ['PEFTAdapter', 'GGUF'] },
  },
  'frozen weights are quantized once': {
    meet: { method: { preset: 'RandLoRA', precision: { type: 'NVFP4' } } },
    apart: { method: { preset: 'RandLoRA', base: { type: 'NF4' } } },
  },
  ...casesOfValues,
  'rates of rows are those of matrices of an adapter': {
    meet: { 'method.preset': 'LoLDU', 'method.rule': { type: 'ALLoRA' } },
    apart: { 'method.preset': 'BiLoRA', 'method.rule': { type: 'ALLoRA' } },
  },
  'evaluation at intervals needs held-out records': {
    meet: { 'training.evaluation': { intervalSteps: 5 } },
    apart: { 'training.evaluation': { intervalSteps: 5 }, 'dataset.heldOut': { samples: 4 } },
  },
  'preference data needs an objective of its own': {
    meet: { 'dataset.format': 'Preference' },
    apart: { 'dataset.format': 'Chat' },
  },
  'some strategies are only names so far': {
    meet: { 'parallelism.strategy': 'Hybrid' },
    apart: { 'parallelism.strategy': 'FullyShardedDataParallel' },
  },
  'sharing one sequence or product is not built': {
    meet: { 'parallelism.expertSize': 2 },
    apart: { 'parallelism.expertSize': 1 },
  },
  'each rank has a sequence of each step': {
    meet: { 'worker.replicas': 3, 'training.globalBatchSize': 2 },
    apart: { 'worker.replicas': 3, 'training.globalBatchSize': 3 },
    where: 'cluster',
  },
  'images are mounted by a cluster': {
    meet: { 'model.source': { image: { reference: 'a' } } },
    apart: {},
    where: 'machine',
  },
  'data in images is mounted by a cluster': {
    meet: { 'dataset.train': { image: { reference: 'a' } } },
    apart: {},
    where: 'machine',
  },
  'one machine resumes its own runs only': {
    meet: { 'checkpoint.resumeFrom': { job: 'earlier' } },
    apart: {},
    where: 'machine',
  },
};

test('every pair has a case, and no case is left of a pair that is gone', (t) => {
  t.deepEqual(pairs.map(({ id }) => id).sort(), Object.keys(cases).sort());
});

/**
 * Parameters of a preset decide about these, and only resolving a method tells them; or paths,
 * which CEL cannot normalise; or grids, whose pairs would not fit into the definition.
 */
const unaskable = [
  'layers may have more ranks than one, and at least the mean',
  'a search has layers to choose from',
  'integers that are made with inputs are those of whole weights',
  'integers that an adapter belongs on are those of whole weights',
  'experts are in MLPs',
  'a token goes to experts that there are',
  'results do not replace their model',
  'weights are stored in one kind of codes',
  'level 3 reuses what the forward has made',
  'S2FT has something to train',
  'momenta are approximated by SM3',
  'accumulated gradients become moments of AdamW',
  'momentum approximation gathers no gradients',
  'moments of values that come and go are exact',
  'gradients are gathered in the steps before values are replaced',
  ...pairsOfTasks.map(({ id }) => id),
  ...pairsOfTrajectories.slice(2).map(({ id }) => id),
  'noise has a size',
  'blocks of a GGUF file are no integers with scales',
  'a GGUF file has the blocks that trained',
  'codes that trained are not chosen again',
  'blocks of a GGUF file have no other settings',
  'a group size is that of groups',
  'rates of scales are those of learned ones',
  'integers that stay have no adapter',
  'scales that train are learned',
  'changes before rounding are those of matrices',
  'what is added before rounding drops no inputs',
  'formats that change are those of trained weights',
  'look-backs have an order',
  'weights on a grid have one rounding',
  'gradients through a grid are whole',
  'rules of rows and noise are for weights that are not rounded',
  'tokens are mixed in blocks of a power of two',
  'weights of blocks are for drawing by weights',
  'weights in 8 bits are those that train',
];

test('the API server asks for all pairs of a cluster that it can', (t) => {
  const silent = pairs.filter(({ cel, where }) => cel === undefined && where !== 'machine');
  t.deepEqual(
    silent.map(({ id }) => id),
    unaskable,
  );
});

for (const { id, cel } of pairs) {
  if (cel === undefined) continue;
  test(`the API server refuses the same: ${id}`, (t) => {
    const { meet, apart } = cases[id]!;
    t.false(celHolds(cel, aSpec(meet)));
    t.true(celHolds(cel, aSpec(apart)));
  });
}

test('LaMDA changes its base where it begins with the spectrum, and an adapter file is refused there alone', (t) => {
  const found = pairs.find(({ id }) => id.startsWith('an adapter that changed its base'));
  for (const [initialization, isRefused] of [
    ['Svd', true],
    ['LoRA', false],
  ] as const) {
    const adapter = { type: 'LaMDA', lamda: { initialization } };
    const spec = aSpec({
      method: { preset: 'LaMDA', base: { type: 'NF4' }, adapter },
      'output.formats': ['PEFTAdapter'],
    });
    t.is(found?.meets(spec, resolveMethod(spec.method)), isRefused, initialization);
    t.is(celHolds(found?.cel ?? '', spec), !isRefused, initialization);
  }
});

test('for any method the API server asks for the same as the operator', (t) => {
  const axes = ['precision', 'base', 'adapter', 'selection', 'optimizer'] as const;
  const typeOrNone = (axis: (typeof axes)[number]) =>
    fc.constantFrom(undefined, ...axisEntries[axis].map(({ type }) => ({ type })));
  const method = fc.record({
    preset: fc.constantFrom(...presets.map(({ preset }) => preset)),
    ...{ precision: typeOrNone('precision'), base: typeOrNone('base') },
    ...{ adapter: typeOrNone('adapter'), selection: typeOrNone('selection') },
    optimizer: typeOrNone('optimizer'),
  });
  fc.assert(
    fc.property(method, (written) => {
      const kept = Object.fromEntries(Object.entries(written).filter(([, value]) => value));
      const spec = aSpec({ method: kept });
      for (const { id, cel, meets } of pairs) {
        if (cel === undefined) continue;
        t.is(celHolds(cel, spec), !meets(spec, resolveMethod(spec.method)), id);
      }
    }),
    { numRuns: 300 },
  );
});

for (const { id, path, sentence, code } of pairs) {
  test(`refused with a sentence at its field: ${id}`, (t) => {
    const { meet, apart, where = 'machine' } = cases[id]!;
    const [found, ...more] = incompatibilities(aSpec(meet), where);
    t.deepEqual(more, []);
    t.is(found?.code, code ?? 'E_INCOMPATIBLE_METHOD');
    t.is(found?.message, `spec.${path.join('.')} ${sentence}`);
    t.deepEqual(incompatibilities(aSpec(apart), where), []);
    t.true(fieldDocs().has(['spec', ...path].join('.')), 'the field exists');
  });
}

test('a local path is refused on a cluster and welcome on this machine', (t) => {
  const spec = aSpec({
    'model.source': { local: { path: './model' } },
    'output.destination': { local: { path: './out' } },
  });
  t.deepEqual(incompatibilities(spec, 'machine'), []);
  const found = incompatibilities(spec, 'cluster').map(({ path, message }) => [
    path.join('.'),
    message,
  ]);
  t.deepEqual(found, [
    [
      'spec.model.source.local',
      'spec.model.source.local is a local path, which no pod can see; it must be a claim, a bucket or a repository',
    ],
    [
      'spec.output.destination.local',
      'spec.output.destination.local is a local path, which no pod can see; it must be a claim, a bucket or a repository',
    ],
  ]);
});

test('what only a cluster does is welcome there, and can be planned anywhere', (t) => {
  const spec = aSpec({
    'model.source': { image: { reference: 'a' } },
    'checkpoint.resumeFrom': { job: 'earlier' },
  });
  t.deepEqual(incompatibilities(spec, 'cluster'), []);
  t.deepEqual(incompatibilities(spec, 'anywhere'), []);
  t.is(incompatibilities(spec, 'machine').length, 2);
});

test('results may go to a bucket and to a hub from everywhere', (t) => {
  const spec = aSpec({
    'output.destination': { s3: { uri: 's3://bucket/results' } },
    'output.pushToHub': { repository: 'owner/name' },
  });
  for (const where of ['machine', 'cluster', 'anywhere'] as const) {
    t.deepEqual(incompatibilities(spec, where), []);
  }
});

test('a job that may grow needs a sequence for each worker of its largest world', (t) => {
  const speaks = (maxReplicas: number, elasticity = 'Live') =>
    incompatibilities(
      aSpec({
        ...{ 'worker.elasticity': elasticity, 'worker.replicas': 1, 'worker.minReplicas': 1 },
        ...{ 'worker.maxReplicas': maxReplicas, 'training.globalBatchSize': 2 },
      }),
      'cluster',
    ).some(({ message }) => message.includes('fewer sequences than there are workers'));
  t.false(speaks(2));
  t.true(speaks(3));
  t.false(speaks(3, 'None'), 'it stays as small as it is');
});

/** All weights, on a grid with these parameters. */
function onGrid(fakeQuantized: Readonly<Record<string, unknown>>) {
  return { preset: 'Full', base: { type: 'FakeQuantized', fakeQuantized } };
}

function mixture(mixLora: object) {
  return { preset: 'MixLoRA', adapter: { type: 'MixLoRA', mixLora } };
}

function spectrum(initialization: string) {
  const lamda = { allocation: 'Spectrum', initialization };
  return { preset: 'LaMDA', adapter: { type: 'LaMDA', lamda } };
}
