// Which files of an adapter there are.
import { changesBaseInCel } from '../methods/types-in-cel.ts';
import { isAdapterForm } from '../names/result-folders.ts';
import { needsItsBase } from '../plan/publication.ts';
import { is, noAdapterForm, noForm, type Pair } from './pair.ts';

export const pairsOfAdapterFiles: readonly Pair[] = [
  {
    id: 'an adapter file needs an adapter',
    path: ['output', 'formats'],
    meets: ({ output }, { adapter }) =>
      adapter.type === 'None' && output.formats?.some(isAdapterForm) === true,
    cel: `!${is('adapter', 'None')} || ${noAdapterForm}`,
    sentence:
      'asks for a file of the adapter, but method.adapter is None: there is no adapter to write',
    hint: 'ask for MergedSafetensors, which is then the whole model',
  },
  {
    id: 'an adapter that changed its base is for a base that others have',
    path: ['output', 'formats'],
    meets: ({ output }, method) =>
      needsItsBase(method) && output.formats?.some(isAdapterForm) === true,
    cel: `!(${changesBaseInCel()}) || ${is('base', 'Dense')} || ${noAdapterForm}`,
    sentence:
      'asks for a file of the adapter, but method.adapter took over a part of each weight before the rest was quantized: nobody else has that base',
    hint: 'ask for MergedSafetensors, or write method.base: { type: Dense }',
  },
  {
    id: 'a change of full rank has a form of its own',
    path: ['output', 'formats'],
    meets: ({ output }, { adapter }) =>
      adapter.type === 'RandLoRA' &&
      output.formats?.some((form) => isAdapterForm(form) && form !== 'PEFTAdapter') === true,
    cel: `!${is('adapter', 'RandLoRA')} || (${noForm('GGUFAdapter')}) && (${noForm('UniformPEFTAdapter')})`,
    sentence:
      'asks for two matrices of each layer, but the change of RandLoRA has full rank: they would be larger than the weight',
    hint: 'ask for PEFTAdapter, which has its diagonals, or for MergedSafetensors or GGUF',
  },
  {
    id: 'a file of KaSA needs KaSA',
    path: ['output', 'formats'],
    meets: ({ output }, { adapter }) =>
      adapter.type !== 'KaSA' && output.formats?.includes('KaSA') === true,
    cel: `${is('adapter', 'KaSA')} || ${noForm('KaSA')}`,
    sentence: 'asks for KaSA, but method.adapter is another',
    hint: 'ask for PEFTAdapter, or write method.preset: KaSA',
  },
];
