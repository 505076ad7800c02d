// One format for each matrix, so that the sum of costs is least and the sum of bytes is within a
// budget: the multiple-choice knapsack problem, solved exactly.
//
// Matrices are added one after the other to a front of partial choices, none of which has another
// beside it that is both smaller and better. A partial choice is dropped when even the best
// fractions of what is left (the lower convex hulls of their options) make it no better than a
// whole choice that is known. The first one known goes down the same hulls and takes whole steps.

export interface Option {
  readonly bytes: number;
  readonly cost: number;
}

interface Partial extends Option {
  readonly option: number;
  readonly before: Partial | null;
}

/** The option of each item, by number; null where the smallest options are above the budget. */
export function allocate(
  items: readonly (readonly Option[])[],
  budget: number,
): readonly number[] | null {
  const least = items.map((options) => Math.min(...options.map(({ bytes }) => bytes)));
  if (sum(least) > budget) return null;
  const hulls = items.map(hullOf);
  const bounds = items.map((_, i) => new Bound(hulls.slice(i)));
  const known = greedy(items, hulls, budget);
  let front: readonly Partial[] = [{ bytes: 0, cost: 0, option: -1, before: null }];
  for (const [i, options] of items.entries()) {
    const bound = bounds[i + 1] ?? new Bound([]);
    const all = front.flatMap((before) =>
      options.map(({ bytes, cost }, option) => {
        return { bytes: before.bytes + bytes, cost: before.cost + cost, option, before };
      }),
    );
    const kept = all.filter(({ bytes, cost }) => {
      return cost + bound.least(budget - bytes) <= known + tolerance * Math.abs(known);
    });
    front = undominated(kept);
  }
  const best = front.reduce<Partial | null>(
    (found, one) => (found === null || one.cost < found.cost ? one : found),
    null,
  );
  return best === null ? null : choicesOf(best);
}

/** Sums in another order must not drop the best. */
const tolerance = 1e-9;

function sum(values: readonly number[]): number {
  return values.reduce((all, one) => all + one, 0);
}

function choicesOf(last: Partial): readonly number[] {
  const chosen: number[] = [];
  for (let at: Partial | null = last; at !== null && at.option >= 0; at = at.before) {
    chosen.push(at.option);
  }
  return chosen.reverse();
}

/** Ascending in bytes, descending in cost. */
function undominated<T extends Option>(all: readonly T[]): readonly T[] {
  const sorted = all.toSorted((a, b) => a.bytes - b.bytes || a.cost - b.cost);
  let least = Number.POSITIVE_INFINITY;
  return sorted.filter(({ cost }) => {
    if (cost >= least) return false;
    least = cost;
    return true;
  });
}

/** Options on the lower convex hull, ascending in bytes. */
function hullOf(options: readonly Option[]): readonly Option[] {
  const hull: Option[] = [];
  for (const one of undominated(options)) {
    while (hull.length >= 2) {
      const [a, b] = [hull.at(-2), hull.at(-1)] as [Option, Option];
      if ((b.cost - a.cost) * (one.bytes - b.bytes) < (one.cost - b.cost) * (b.bytes - a.bytes)) {
        break;
      }
      hull.pop();
    }
    hull.push(one);
  }
  return hull;
}

interface Descent {
  readonly item: number;
  readonly bytes: number;
  readonly gain: number;
}

/** Steps down the hulls, the largest gain for a byte first: in the order of each hull. */
function descents(hulls: readonly (readonly Option[])[]): readonly Descent[] {
  return hulls
    .flatMap((hull, item) =>
      hull.slice(1).map(({ bytes, cost }, i) => {
        const from = hull[i] as Option;
        return { item, bytes: bytes - from.bytes, gain: from.cost - cost };
      }),
    )
    .sort((a, b) => b.gain * a.bytes - a.gain * b.bytes || a.item - b.item);
}

/** The least cost of items when fractions of options are allowed, for any room. */
class Bound {
  readonly #bytes: number[] = [];
  readonly #cost: number[] = [];

  constructor(hulls: readonly (readonly Option[])[]) {
    let bytes = sum(hulls.map((hull) => hull[0]?.bytes ?? 0));
    let cost = sum(hulls.map((hull) => hull[0]?.cost ?? 0));
    this.#bytes.push(bytes);
    this.#cost.push(cost);
    for (const step of descents(hulls)) {
      bytes += step.bytes;
      cost -= step.gain;
      this.#bytes.push(bytes);
      this.#cost.push(cost);
    }
  }

  /** Infinite where there is no room for the smallest options. */
  least(room: number): number {
    const [first = 0] = this.#bytes;
    if (room < first) return Number.POSITIVE_INFINITY;
    let low = 0;
    let high = this.#bytes.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#bytes[middle] ?? 0) <= room) low = middle;
      else high = middle - 1;
    }
    const [from = 0, to] = [this.#bytes[low], this.#bytes[low + 1]];
    const [cost = 0, next = 0] = [this.#cost[low], this.#cost[low + 1]];
    if (to === undefined) return cost;
    return cost - ((cost - next) * (room - from)) / (to - from);
  }
}

/** The cost of one whole choice. */
function greedy(
  items: readonly (readonly Option[])[],
  hulls: readonly (readonly Option[])[],
  budget: number,
): number {
  const at = items.map(() => 0);
  let room = budget - sum(hulls.map((hull) => hull[0]?.bytes ?? 0));
  const stopped = new Set<number>();
  for (const { item, bytes } of descents(hulls)) {
    // A later step of the same hull begins where this one ends.
    if (stopped.has(item) || bytes > room) {
      stopped.add(item);
      continue;
    }
    room -= bytes;
    at[item] = (at[item] ?? 0) + 1;
  }
  return sum(hulls.map((hull, i) => hull[at[i] ?? 0]?.cost ?? 0));
}
