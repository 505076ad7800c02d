// Which blocks of the sources have run at all: V8's own block coverage, so that .ts files and
// packages are seen as they are, without instrumentation. (The registry's fuzzer for Node,
// @jazzer.js/core 4, comes as a binary for a newer C library than Debian 12 has, and its sources
// are not in the package.) Reading costs about a millisecond; the engine therefore reads once for
// many inputs and looks closer only when something was new.
import { Session } from 'node:inspector';
import { type Extent, gaps, merge } from '../../worker/prepare/extents.ts';

interface Range {
  readonly startOffset: number;
  readonly endOffset: number;
  readonly count: number;
}

interface ScriptCoverage {
  readonly url: string;
  readonly functions: readonly { readonly ranges: readonly Range[] }[];
}

/** The fuzzer does not fuzz itself. */
const isOurs = /\/test\/fuzz\/[^/]+$/;

/** By function: what has never run in any run of it. */
export type Known = ReadonlyMap<string, readonly Extent[]>;

export class Coverage implements Disposable {
  readonly #session = new Session();
  /** By function: what has never run in any run of it. */
  #never = new Map<string, readonly Extent[]>();

  constructor() {
    this.#session.connect();
    this.#post('Profiler.enable');
    this.#post('Profiler.startPreciseCoverage', {
      callCount: true,
      detailed: true,
      allowTriggeredUpdates: false,
    });
  }

  /** Functions that have run. */
  get functions(): number {
    return this.#never.size;
  }

  known(): Known {
    return new Map(this.#never);
  }

  /** Back to what was known then. */
  forget(known: Known): void {
    this.#never = new Map(known);
  }

  /** True when something ran since the last call that had never run before. */
  take(): boolean {
    let isNew = false;
    const { result } = this.#post('Profiler.takePreciseCoverage') as {
      readonly result: readonly ScriptCoverage[];
    };
    for (const { url, functions } of result) {
      if (!url.startsWith('file:') || isOurs.test(url)) continue;
      for (const { ranges } of functions) if (this.#note(url, ranges)) isNew = true;
    }
    return isNew;
  }

  #note(url: string, ranges: readonly Range[]): boolean {
    const [whole] = ranges;
    if (!whole || whole.count === 0) return false;
    const key = `${url} ${whole.startOffset} ${whole.endOffset}`;
    const known = this.#never.get(key);
    if (known?.length === 0) return false;
    const skipped = notRun(ranges);
    const still = known === undefined ? skipped : intersect(known, skipped);
    this.#never.set(key, still);
    return known === undefined || size(still) < size(known);
  }

  [Symbol.dispose](): void {
    this.#session.disconnect();
  }

  #post(method: string, parameters?: object): unknown {
    let answer: unknown;
    let failure: Error | null = null;
    // In one thread the answer comes before post returns.
    this.#session.post(method, parameters, (error, result) => {
      failure = error;
      answer = result;
    });
    if (failure) throw failure;
    return answer;
  }
}

/** Ranges nest and come outermost first: an inner one overrules what holds it. */
function notRun(ranges: readonly Range[]): readonly Extent[] {
  let found: readonly Extent[] = [];
  for (const { startOffset: begin, endOffset: end, count } of ranges) {
    found = count === 0 ? merge([...found, { begin, end }]) : without(found, { begin, end });
  }
  return found;
}

function without(extents: readonly Extent[], { begin, end }: Extent): readonly Extent[] {
  return extents.flatMap((each) => {
    const before = { begin: each.begin, end: Math.min(each.end, begin) };
    const behind = { begin: Math.max(each.begin, end), end: each.end };
    return [before, behind].filter((piece) => piece.begin < piece.end);
  });
}

function intersect(a: readonly Extent[], b: readonly Extent[]): readonly Extent[] {
  const last = Math.max(0, ...a.map(({ end }) => end));
  return gaps(b, last).reduce(without, a);
}

function size(extents: readonly Extent[]): number {
  return extents.reduce((sum, { begin, end }) => sum + end - begin, 0);
}
