// Cases of the pairs about single values of a method.
import type { Where } from '../../../crds/combinations/pair.ts';
import type { Changes } from '../../builders/job.ts';

export type Cases = Readonly<Record<string, { meet: Changes; apart: Changes; where?: Where }>>;

export const casesOfValues: Cases = {
  'whole modules are beside an adapter': {
    meet: { method: { preset: 'Full', fullModules: ['lm_head'] } },
    apart: { method: { preset: 'LoRA', fullModules: ['lm_head'] } },
  },
  'whole modules are those of language models': {
    meet: {
      'model.task': 'SequenceClassification',
      'dataset.labels': ['no', 'yes'],
      method: { preset: 'LoRA', fullModules: ['embed_tokens'] },
    },
    apart: { method: { preset: 'LoRA', fullModules: ['embed_tokens'] } },
  },
  'whole modules need a file that has them': {
    meet: { method: { preset: 'LoRA', fullModules: ['norm'] }, 'output.formats': ['GGUFAdapter'] },
    apart: {
      method: { preset: 'LoRA', fullModules: ['norm'] },
      'output.formats': ['PEFTAdapter', 'GGUF'],
    },
  },
  'a file of KaSA needs KaSA': {
    meet: { method: { preset: 'PiSSA' }, 'output.formats': ['KaSA'] },
    apart: { method: { preset: 'KaSA' }, 'output.formats': ['KaSA', 'PEFTAdapter'] },
  },
  'S2FT has something to train': {
    meet: {
      method: { preset: 'S2FT', adapter: { type: 'S2FT', s2ft: { downRatio: '0' } } },
    },
    apart: {
      method: {
        preset: 'S2FT',
        adapter: { type: 'S2FT', s2ft: { downRatio: '0', valueRatio: '0.1' } },
      },
    },
  },
  'level 3 reuses what the forward has made': {
    meet: {
      method: {
        preset: 'HALO',
        precision: { type: 'HALO', halo: { level: 3, backward: 'Textbook' } },
      },
    },
    apart: {
      method: {
        preset: 'HALO',
        precision: { type: 'HALO', halo: { level: 2, backward: 'Textbook' } },
      },
    },
  },
  'TF32 is for devices': {
    where: 'cluster',
    meet: {
      method: { preset: 'Full', precision: { type: 'Float32', float32: { products: 'TF32' } } },
    },
    apart: {
      method: { preset: 'Full', precision: { type: 'Float32', float32: { products: 'TF32' } } },
      'worker.devicesPerWorker': 1,
    },
  },
  'values that come and go are moved by AdamW or SM3': {
    meet: { 'method.preset': 'SpIEL', 'method.optimizer': { type: 'AdamW8bit' } },
    apart: { 'method.preset': 'PaCA', 'method.optimizer': { type: 'AdamW8bit' } },
  },
  'sums of rows and columns are for single values': {
    meet: { 'method.preset': 'PaCA', 'method.optimizer': { type: 'SM3' } },
    apart: { 'method.preset': 'SpIELMA' },
  },
  'momenta are approximated by SM3': {
    meet: { 'method.preset': 'SpIELMA', 'method.optimizer': { type: 'AdamW' } },
    apart: {
      'method.preset': 'SpIEL',
      'method.adapter': { type: 'SpIEL', spiel: { growth: 'MomentumApproximation' } },
      'method.optimizer': { type: 'SM3' },
    },
  },
  'accumulated gradients become moments of AdamW': {
    meet: {
      'method.preset': 'SpIEL',
      'method.adapter': { type: 'SpIEL', spiel: { growth: 'AccumulatedGradient' } },
      'method.optimizer': { type: 'SM3' },
    },
    apart: { 'method.preset': 'SpIEL', 'method.optimizer': { type: 'SM3' } },
  },
  'momentum approximation gathers no gradients': {
    meet: {
      'method.preset': 'SpIELMA',
      'method.adapter': { type: 'SpIEL', spiel: { accumulationSteps: 5 } },
    },
    apart: {
      'method.preset': 'SpIEL',
      'method.adapter': { type: 'SpIEL', spiel: { accumulationSteps: 5 } },
    },
  },
  'moments of values that come and go are exact': {
    meet: {
      'method.preset': 'SpIEL',
      'method.optimizer': { type: 'AdamW', adamW: { moments: 'BFloat16' } },
    },
    apart: {
      'method.preset': 'PaCA',
      'method.optimizer': { type: 'AdamW', adamW: { moments: 'BFloat16' } },
    },
  },
  'gradients are gathered in the steps before values are replaced': {
    meet: {
      'method.preset': 'SpIEL',
      'method.adapter': { type: 'SpIEL', spiel: { reselectSteps: 4, accumulationSteps: 5 } },
    },
    apart: {
      'method.preset': 'SpIEL',
      'method.adapter': { type: 'SpIEL', spiel: { reselectSteps: 5, accumulationSteps: 5 } },
    },
  },
  'layers may have more ranks than one, and at least the mean': {
    meet: {
      'method.preset': 'IncreLoRA',
      'method.adapter': { type: 'IncreLoRA', increLora: { rank: 4, maxRank: 3, increment: 1 } },
    },
    apart: {
      'method.preset': 'IncreLoRA',
      'method.adapter': { type: 'IncreLoRA', increLora: { rank: 4, maxRank: 4, increment: 3 } },
    },
  },
  'a search has layers to choose from': {
    meet: {
      'method.preset': 'DiffoRA',
      'method.adapter': { type: 'DiffoRA', diffora: { targetModules: ['q_proj'] } },
    },
    apart: {
      'method.preset': 'DiffoRA',
      'method.adapter': { type: 'DiffoRA', diffora: { targetModules: ['q_proj', 'v_proj'] } },
    },
  },
  'places are chosen again in all blocks at once': {
    meet: { 'method.preset': 'SpIEL', 'method.selection': { type: 'LISA' } },
    apart: { 'method.preset': 'PaCA', 'method.selection': { type: 'LISA' } },
  },
  'single values change inside products of dense weights': {
    meet: { 'method.preset': 'SpIEL', 'method.precision': { type: 'HALO' } },
    apart: { 'method.preset': 'PaCA', 'method.precision': { type: 'HALO' } },
  },
  'single values are no product of two matrices': {
    meet: { 'method.preset': 'SpIEL', 'output.formats': ['PEFTAdapter', 'GGUFAdapter'] },
    apart: { 'method.preset': 'SpIEL', 'output.formats': ['PEFTAdapter', 'GGUF'] },
  },
  'tokens are mixed in blocks of a power of two': {
    meet: { method: { preset: 'HALO', precision: { type: 'HALO', halo: { tokenBlock: 96 } } } },
    apart: { method: { preset: 'HALO', precision: { type: 'HALO', halo: { tokenBlock: 64 } } } },
  },
  'weights of blocks are for drawing by weights': {
    meet: {
      'method.preset': 'LISA',
      'method.selection': { type: 'LISA', lisa: { weights: ['1', '2'] } },
    },
    apart: {
      'method.preset': 'LISA',
      'method.selection': { type: 'LISA', lisa: { weights: ['1', '2'], sampling: 'Weighted' } },
    },
  },
  'weights in 8 bits are those that train': {
    meet: {
      'method.preset': 'LoRA',
      'method.precision': { type: 'BFloat16', bfloat16: { trainedWeights: 'Int8' } },
    },
    apart: {
      'method.preset': 'LISA',
      'method.precision': { type: 'BFloat16', bfloat16: { trainedWeights: 'Int8' } },
    },
  },
  'projected gradients are those of the weights': {
    meet: { 'method.preset': 'LoRA', 'method.optimizer': { type: 'GaLore' } },
    apart: { 'method.preset': 'LISA', 'method.optimizer': { type: 'GaLore' } },
  },
  'what trains needs steps': {
    meet: { method: { preset: 'LoRA' }, training: undefined },
    apart: { method: { preset: 'NoTraining' }, training: undefined },
  },
  'what trains nothing has no steps': {
    meet: { method: { preset: 'NoTraining' } },
    apart: { method: { preset: 'LoRA' } },
  },
  'what trains nothing has nothing to train with': {
    meet: { method: { preset: 'NoTraining', adapter: { type: 'LoRA' } }, training: undefined },
    apart: {
      method: { preset: 'NoTraining', precision: { type: 'Float32' } },
      training: undefined,
    },
  },
  'what is pruned is the base as it is': {
    meet: { method: { preset: 'Full' }, 'output.pruning': {} },
    apart: { method: { preset: 'NoTraining' }, training: undefined, 'output.pruning': {} },
  },
  'a pruned model is one folder': {
    meet: {
      ...{ method: { preset: 'NoTraining' }, training: undefined, 'output.pruning': {} },
      'output.formats': ['MergedSafetensors', 'GGUF'],
    },
    apart: {
      ...{ method: { preset: 'NoTraining' }, training: undefined, 'output.pruning': {} },
      'output.formats': ['MergedSafetensors'],
    },
  },
};
