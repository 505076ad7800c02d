// What does not go together with an adapter that chooses places in the weights again while it
// trains.

import { adapterTypes, choosesPlaces } from '../methods/adapter-traits.ts';
import { fewBits, hasFewBits } from '../methods/few-bits.ts';
import { projectionOf } from '../methods/projection.ts';
import { growsByMomenta } from '../methods/spiel.ts';
import { isAdapterForm } from '../names/result-folders.ts';
import { is, noForm, type Pair } from './pair.ts';

const ofPlaces = adapterTypes((entry) => entry.choosesPlaces === true);

export const pairsOfPlaces: readonly Pair[] = [
  {
    id: 'values that come and go are moved by AdamW or SM3',
    path: ['method', 'optimizer', 'type'],
    meets: (_, { adapter, optimizer }) =>
      choosesPlaces({ adapter }) &&
      !['AdamW', 'SM3'].includes(optimizer.type) &&
      projectionOf(optimizer) === null,
    cel: `!${is('adapter', ...ofPlaces)} || ${is('optimizer', 'AdamW', 'SM3', 'GaLore', 'QGaLore', 'NaturalGaLore')}`,
    sentence:
      'keeps one number of updates for all values; with SpIEL each value has its own, since values come and go',
    hint: 'write optimizer: { type: AdamW }',
  },
  {
    id: 'sums of rows and columns are for single values',
    path: ['method', 'optimizer', 'type'],
    meets: (_, { adapter, optimizer }) => optimizer.type === 'SM3' && !choosesPlaces({ adapter }),
    cel: `!${is('optimizer', 'SM3')} || ${is('adapter', ...ofPlaces)}`,
    sentence: 'is SM3, which is for single values that SpIEL trains',
    hint: 'write optimizer: { type: AdamW }',
  },
  {
    id: 'momenta are approximated by SM3',
    path: ['method', 'adapter', 'spiel', 'growth'],
    meets: (_, { adapter, optimizer }) =>
      adapter.type === 'SpIEL' &&
      growsByMomenta(adapter.spiel) &&
      optimizer.type !== 'SM3' &&
      projectionOf(optimizer) === null,
    sentence:
      'is MomentumApproximation, which reads the sums of rows and columns that SM3 keeps, but the optimizer is another',
    hint: 'write optimizer: { type: SM3 }, or preset: SpIELMA',
  },
  {
    id: 'accumulated gradients become moments of AdamW',
    path: ['method', 'optimizer', 'type'],
    meets: (_, { adapter, optimizer }) =>
      adapter.type === 'SpIEL' && !growsByMomenta(adapter.spiel) && optimizer.type === 'SM3',
    sentence:
      'is SM3, but values that grow by AccumulatedGradient go on with moments, which AdamW has',
    hint: 'write optimizer: { type: AdamW }, or adapter.spiel.growth: MomentumApproximation',
  },
  {
    id: 'momentum approximation gathers no gradients',
    path: ['method', 'adapter', 'spiel', 'accumulationSteps'],
    meets: (_, { adapter }) =>
      adapter.type === 'SpIEL' &&
      growsByMomenta(adapter.spiel) &&
      adapter.spiel.accumulationSteps !== undefined,
    sentence: 'is set, but MomentumApproximation gathers no gradients',
    hint: 'leave it out, or write growth: AccumulatedGradient and optimizer: { type: AdamW }',
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
      adapter.type === 'SpIEL' &&
      (adapter.spiel.accumulationSteps ?? 0) > adapter.spiel.reselectSteps,
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
    meets: (_, { adapter, precision }) => choosesPlaces({ adapter }) && hasFewBits({ precision }),
    cel: `!${is('adapter', ...ofPlaces)} || !${is('precision', ...fewBits)}`,
    sentence: 'quantizes weights; SpIEL changes single values of them in each product',
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
