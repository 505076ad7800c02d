// What does not go together with an adapter that chooses places in the weights again while it
// trains.
import { adapterTypes, choosesPlaces } from '../methods/adapter-traits.ts';
import { projectionOf } from '../methods/projection.ts';
import { isAdapterForm } from '../names/result-folders.ts';
import { is, noForm, type Pair } from './pair.ts';

const ofPlaces = adapterTypes((entry) => entry.choosesPlaces === true);

export const pairsOfPlaces: readonly Pair[] = [
  {
    id: 'values that come and go are moved by AdamW',
    path: ['method', 'optimizer', 'type'],
    meets: (_, { adapter, optimizer }) =>
      choosesPlaces({ adapter }) && optimizer.type !== 'AdamW' && projectionOf(optimizer) === null,
    cel: `!${is('adapter', ...ofPlaces)} || ${is('optimizer', 'AdamW', 'GaLore', 'QGaLore', 'NaturalGaLore')}`,
    sentence:
      'keeps one number of updates for all values; with SpIEL each value has its own, since values come and go',
    hint: 'write optimizer: { type: AdamW }',
  },
  {
    id: 'moments of values that come and go are exact',
    path: ['method', 'optimizer', 'adamW', 'moments'],
    meets: (_, { adapter, optimizer }) =>
      choosesPlaces({ adapter }) &&
      optimizer.type === 'AdamW' &&
      optimizer.adamW.moments === 'BFloat16',
    sentence: 'is BFloat16, but moments of SpIEL move with their values, and are float32',
    hint: 'leave it out',
  },
  {
    id: 'gradients are gathered in the steps before values are replaced',
    path: ['method', 'adapter', 'spiel', 'accumulationSteps'],
    meets: (_, { adapter }) =>
      adapter.type === 'SpIEL' && adapter.spiel.accumulationSteps > adapter.spiel.reselectSteps,
    sentence: 'is more than reselectSteps: there are not as many steps to gather gradients in',
    hint: 'set a smaller accumulationSteps, or a larger reselectSteps',
  },
  {
    id: 'places are chosen again in all blocks at once',
    path: ['method', 'selection', 'type'],
    meets: (_, { adapter, selection }) => choosesPlaces({ adapter }) && selection.type !== 'All',
    cel: `!${is('adapter', ...ofPlaces)} || ${is('selection', 'All')}`,
    sentence: 'trains some blocks at a time, but SpIEL chooses places in all of them at once',
    hint: 'write selection: { type: All }',
  },
  {
    id: 'single values change inside products of dense weights',
    path: ['method', 'precision', 'type'],
    meets: (_, { adapter, precision }) => choosesPlaces({ adapter }) && precision.type === 'HALO',
    cel: `!${is('adapter', ...ofPlaces)} || !${is('precision', 'HALO')}`,
    sentence:
      'is HALO, which rotates and quantizes weights; SpIEL changes single values of them in each product',
    hint: 'write method.precision: { type: BFloat16 }, or adapter: { type: LoRA }',
  },
  {
    id: 'single values are no product of two matrices',
    path: ['output', 'formats'],
    meets: ({ output }, { adapter }) =>
      choosesPlaces({ adapter }) &&
      output.formats?.some((form) => isAdapterForm(form) && form !== 'PEFTAdapter') === true,
    cel: `!${is('adapter', ...ofPlaces)} || (${noForm('GGUFAdapter')}) && (${noForm('UniformPEFTAdapter')})`,
    sentence:
      'asks for a file of two matrices for each layer; what SpIEL changes has no low rank, and would not be the trained model',
    hint: "ask for PEFTAdapter, which is PEFT's SHiRA then, MergedSafetensors or GGUF",
  },
];
