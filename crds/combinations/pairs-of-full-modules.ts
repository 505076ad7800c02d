// What trains whole beside an adapter, and what it does not go together with.
import { adapterForms } from '../names/result-folders.ts';
import { is, noneOf, type Pair } from './pair.ts';

const path = ['method', 'fullModules'];
const without = '!has(self.method.fullModules) || size(self.method.fullModules) == 0';

/** Files of an adapter that have no place for whole modules. */
const withoutModules: readonly string[] = adapterForms.filter(
  (form) => form !== 'PEFTAdapter' && form !== 'UniformPEFTAdapter',
);

export const pairsOfFullModules: readonly Pair[] = [
  {
    id: 'whole modules are beside an adapter',
    path,
    meets: (_, { fullModules, adapter }) => fullModules.length > 0 && adapter.type === 'None',
    cel: `${without} || !${is('adapter', 'None')}`,
    sentence: 'is what trains whole beside an adapter, but method.adapter is None',
    hint: 'leave it out; method.selection says which weights train without an adapter',
  },
  {
    id: 'whole modules are those of language models',
    code: 'E_NOT_BUILT',
    path,
    meets: ({ model }, { fullModules }) =>
      fullModules.length > 0 && model.task !== undefined && model.task !== 'CausalLM',
    cel: `${without} || !has(self.model.task) || self.model.task == 'CausalLM'`,
    sentence: 'names modules of language models, but spec.model.task is another',
    hint: 'leave it out: the layer that gives the classes trains whole beside any adapter',
  },
  {
    id: 'whole modules need a file that has them',
    path: ['output', 'formats'],
    meets: ({ output }, { fullModules }) =>
      fullModules.length > 0 &&
      output.formats?.some((form) => withoutModules.includes(form)) === true,
    cel: `${without} || ${noneOf(withoutModules)}`,
    sentence:
      'asks for a file of the adapter that has no place for the modules in method.fullModules',
    hint: 'ask for PEFTAdapter or MergedSafetensors',
  },
];
