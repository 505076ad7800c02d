// Ranks of layers that follow from passes of the base model over training batches, before the model
// of the run is built.

import { lastPart } from '../../crds/methods/linears.ts';
import { calibrationSubject } from '../../crds/stages/subjects.ts';
import type { Adapter, LinearLayer } from '../methods/adapters/adapter.ts';
import { Contributions } from './contributions.ts';
import { SearchedModules } from './module-search.ts';
import type { Probed } from './probe-adapters.ts';

/** Passes are collective; ranks are the same at all ranks of the world. */
interface RankDecision extends Disposable {
  /** What it is, in reports. */
  readonly subject: string;
  readonly passes: number;
  pass(index: number): void;
  /** The rank of each layer, after all passes. */
  ranks(): readonly number[];
  /** What came of it. */
  note(ranks: readonly number[]): string;
}

/** Null for an adapter whose ranks follow from nothing of the kind. */
export function rankDecision({ search, contribution }: Adapter, of: Probed): RankDecision | null {
  if (contribution !== undefined)
    return ofContributions(new Contributions({ ...of, contribution }));
  if (search === undefined) return null;
  const searched = new SearchedModules({ ...of, search });
  return {
    ...{ subject: calibrationSubject.search, passes: search.steps },
    pass: (index) => searched.step(index),
    ranks: () => searched.ranks(),
    note: (ranks) => chosenNote(of.layers, ranks),
    [Symbol.dispose]: () => searched[Symbol.dispose](),
  };
}

function ofContributions(measured: Contributions): RankDecision {
  return {
    ...{ subject: calibrationSubject.contributions, passes: measured.passes },
    pass: (index) => measured.pass(index),
    ranks: () => measured.ranks(),
    note(ranks) {
      const [first = Number.NaN, ...losses] = measured.losses;
      const told = measured.all.reduce((sum, one) => sum + one, 0);
      const change = (losses.at(-1) ?? Number.NaN) - first;
      return `${rankNote(ranks)}; layers tell ${told.toPrecision(3)} of a change of ${change.toPrecision(3)}`;
    },
    [Symbol.dispose]: () => measured[Symbol.dispose](),
  };
}

/** `ranks 0 to 32`. */
export function rankNote(ranks: readonly number[]): string {
  return `ranks ${Math.min(...ranks)} to ${Math.max(...ranks)}`;
}

/** `105 of 210 layers: 30 v_proj, 28 o_proj`. */
function chosenNote(layers: readonly LinearLayer[], ranks: readonly number[]): string {
  const chosen = layers.filter((_, i) => (ranks[i] ?? 0) > 0);
  const byName = [...Map.groupBy(chosen, ({ path }) => lastPart(path))]
    .toSorted(([, a], [, b]) => b.length - a.length)
    .map(([name, own]) => `${own.length} ${name}`);
  return `${chosen.length} of ${layers.length} layers: ${byName.join(', ')}`;
}
