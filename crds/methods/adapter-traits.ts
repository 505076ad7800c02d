// What memory, time, result files and rules ask of an adapter, whatever its method: its entry
// answers.
import type { ModelFacts } from '../plan/model-facts.ts';
import type { CalibrationSizes } from './adapter-entry.ts';
import { type AdapterShape, sizedBy } from './adapter-shapes.ts';
import { entryOf } from './entry-of.ts';
import { axisEntries } from './index.ts';
import type { noAdapter } from './no-adapter.ts';
import type { ResolvedMethod } from './resolve.ts';

export type AdapterOfEntry = Exclude<(typeof axisEntries.adapter)[number], typeof noAdapter>;

export const adapterEntries: readonly AdapterOfEntry[] = axisEntries.adapter.filter(
  (entry) => entry.type !== 'None',
);

/** The types of the adapters for which `holds`. */
export function adapterTypes(holds: (entry: AdapterOfEntry) => boolean): readonly string[] {
  return adapterEntries.filter(holds).map(({ type }) => type);
}

type Adapted = Pick<ResolvedMethod, 'adapter' | 'ranks'>;

/** Null without an adapter. */
export function adapterShape({ adapter, ranks }: Adapted, model: ModelFacts): AdapterShape | null {
  const { entry, own } = entryOf('adapter', adapter);
  const shape = entry.shape?.(own, model) ?? null;
  return shape === null || ranks === undefined ? shape : sizedBy(shape, ranks);
}

/** Whether each weight loses a part to the adapter, so that the base is another one. */
export function changesBase({ adapter }: Adapted): boolean {
  const { entry, own } = entryOf('adapter', adapter);
  const { changesBase: given = false } = entry;
  if (typeof given === 'boolean') return given;
  const parameters = new Map(Object.entries(own));
  return Object.entries(given).every(([name, value]) => parameters.get(name) === value);
}

/** Whether it begins with gradients, for which the whole base is trained once. */
export function readsGradient({ adapter }: Adapted): boolean {
  return entryOf('adapter', adapter).entry.readsGradient === true;
}

/** Whether anything of it is computed from the weights, or with them, before training. */
export function beginsWithWeights(method: Adapted): boolean {
  return adapterShape(method, someSizes)?.decomposing != null || calibrationOf(method) !== null;
}

/** Whether training data passes through the base for it, before training. */
export function measuresBase(method: Adapted): boolean {
  const isSearched = adapterShape(method, someSizes)?.searches !== undefined;
  return passesData(method) || isSearched || fisherBatches(method) > 0;
}

/** Whether it begins with factors that are computed from the weights alone. */
export function decomposesWeights(method: Adapted): boolean {
  const shape = adapterShape(method, someSizes);
  return shape?.decomposing != null && shape.searches === undefined && !passesData(method);
}

function passesData(method: Adapted): boolean {
  return readsGradient(method) || calibrationOf(method) !== null;
}

/** What is decomposed does not depend on sizes. */
const someSizes: ModelFacts = {
  ...{ kind: 'encoder', V: 64, H: 64, L: 1, NH: 1, NK: 1, D: 64, I: 64 },
  ...{ blocks: '', inlet: 0, classes: 1, whole: 0 },
};

/** Whether it begins with what quantizing the base loses. */
export function needsQuantized({ adapter }: Adapted): boolean {
  return entryOf('adapter', adapter).entry.needsQuantized === true;
}

/** Batches whose squared gradients weigh what it begins with; 0 for none. */
export function fisherBatches({ adapter }: Adapted): number {
  const { entry, own } = entryOf('adapter', adapter);
  return entry.fisherBatches?.(own) ?? 0;
}

/** The activations that it begins with, for which the base passes forward once; null for none. */
export function calibrationOf({ adapter }: Adapted): CalibrationSizes | null {
  const { entry, own } = entryOf('adapter', adapter);
  return entry.calibration?.(own) ?? null;
}

/** Whether the ranks of layers follow from activations or weights: all have a bound alone. */
export function plansRanks({ adapter }: Adapted): boolean {
  const { entry, own } = entryOf('adapter', adapter);
  return entry.plansRanks?.(own) === true;
}

/** Whether its update needs whole matrices. */
export function updatesMatrices({ adapter }: Adapted): boolean {
  return entryOf('adapter', adapter).entry.updatesMatrices === true;
}

/** Whether it trains single values of weights, whose places it chooses again. */
export function choosesPlaces({ adapter }: Adapted): boolean {
  return entryOf('adapter', adapter).entry.choosesPlaces === true;
}

/** Whether it trains the two factors of the change, and these alone, as they are. */
export function trainsFactors({ adapter }: Adapted): boolean {
  return entryOf('adapter', adapter).entry.trainsFactors === true;
}

/** Whether it trains matrices, which have rows. */
export function trainsRows({ adapter }: Adapted): boolean {
  return adapter.type !== 'None' && entryOf('adapter', adapter).entry.trainsRows !== false;
}
