// What is served by which name: the base, adapters, and compositions of those. A composition is
// there while all its parts are; what a request has begun with stays until it is answered.
import { hasSpans, hasWeights } from '../../crds/names/compose-modes.ts';
import { type Composition, lanesOf } from '../../crds/serve/compositions.ts';
import type { ServedModel } from '../../crds/serve/messages.ts';
import type { Question } from '../decoding/sequence.ts';
import { ensembleOf, stacked } from './compose.ts';
import type { ServedAdapter } from './served-adapter.ts';

/** Who answers the requests of a name. */
export interface Answerer {
  readonly by: Pick<Question, 'change' | 'ensemble'>;
  /** Sequences of keys and values that a request takes. */
  readonly lanes: number;
  /** Stay loaded while it answers. */
  readonly uses: readonly ServedAdapter[];
}

interface Served {
  readonly answerer: Answerer;
  readonly model: ServedModel;
  /** Goes with it. */
  readonly own: ServedAdapter | undefined;
}

interface ServedModelsOptions {
  /** Of the base in requests. */
  readonly name: string;
  readonly compositions: readonly Composition[];
  /** Seconds since 1970. */
  readonly now: () => number;
}

/** How often the factors of an adapter are in memory: once more in each sum. */
export function copiesOf(
  name: string,
  compositions: readonly Pick<Composition, 'mode' | 'parts'>[],
): number {
  const sums = compositions.filter(
    ({ mode, parts }) => mode === 'merge' && parts.some(({ adapter }) => adapter === name),
  );
  return 1 + sums.length;
}

const base: Answerer = { by: {}, lanes: 1, uses: [] };

export class ServedModels implements Disposable {
  readonly #options: ServedModelsOptions;
  readonly #since: number;
  readonly #adapters = new Map<string, Served & { readonly own: ServedAdapter }>();
  readonly #composed = new Map<string, Served>();
  /** Removed, and still used by requests that came before. */
  readonly #leaving = new Set<ServedAdapter>();

  constructor(options: ServedModelsOptions) {
    this.#options = options;
    this.#since = options.now();
  }

  get list(): readonly ServedModel[] {
    const served = [...this.#adapters.values(), ...this.#composed.values()];
    return [{ name: this.#options.name, since: this.#since }, ...served.map(({ model }) => model)];
  }

  /** Of the factors of adapters that are loaded, and of sums of adapters. */
  get bytes(): number {
    const served = [...this.#adapters.values(), ...this.#composed.values()];
    const owned = [...served.flatMap(({ own }) => own ?? []), ...this.#leaving];
    return owned.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Compositions that wait for a part. */
  get waiting(): readonly { readonly name: string; readonly reason: string }[] {
    return this.#options.compositions.flatMap(({ name, parts }) => {
      const missing = parts.find(({ adapter }) => !this.#adapters.has(adapter));
      if (missing === undefined) return [];
      return [{ name, reason: `${name} waits for its part ${missing.adapter}` }];
    });
  }

  find(name: string): Answerer | undefined {
    if (name === this.#options.name) return base;
    return (this.#adapters.get(name) ?? this.#composed.get(name))?.answerer;
  }

  /** In place of what had the name; the adapter is its own from now on. */
  add(name: string, adapter: ServedAdapter, folder: string): void {
    this.remove(name);
    this.#adapters.set(name, {
      answerer: { by: { change: adapter }, lanes: 1, uses: [adapter] },
      model: { name, base: this.#options.name, folder, since: this.#options.now() },
      own: adapter,
    });
    for (const one of this.#options.compositions) {
      if (one.parts.some((part) => part.adapter === name)) this.#compose(one);
    }
  }

  /** With all compositions that have it as a part. */
  remove(name: string): void {
    const found = this.#adapters.get(name);
    if (found === undefined) return;
    this.#adapters.delete(name);
    this.#leaving.add(found.own);
    for (const { name: composed, parts } of this.#options.compositions) {
      if (!parts.some(({ adapter }) => adapter === name)) continue;
      const { own } = this.#composed.get(composed) ?? {};
      this.#composed.delete(composed);
      if (own !== undefined) this.#leaving.add(own);
    }
  }

  /** Frees what was removed, but for what is used. */
  unload(used: ReadonlySet<ServedAdapter>): void {
    for (const adapter of this.#leaving) {
      if (used.has(adapter)) continue;
      this.#leaving.delete(adapter);
      adapter[Symbol.dispose]();
    }
  }

  [Symbol.dispose](): void {
    const owned = [...this.#adapters.values(), ...this.#composed.values()];
    for (const { own } of owned) own?.[Symbol.dispose]();
    this.unload(new Set());
  }

  #compose(composition: Composition): void {
    const { name, mode, parts } = composition;
    const adapters = parts.flatMap(({ adapter }) => this.#adapters.get(adapter)?.own ?? []);
    if (adapters.length < parts.length) return;
    const weighted = adapters.map((adapter, i) => ({ adapter, weight: parts[i]?.weight ?? 0 }));
    const own = mode === 'merge' ? stacked(weighted) : undefined;
    const lanes = lanesOf(composition);
    const answerer =
      own === undefined
        ? { by: { ensemble: ensembleOf(composition, adapters) }, lanes, uses: adapters }
        : { by: { change: own }, lanes, uses: [own] };
    const facts = { base: this.#options.name, since: this.#options.now() };
    const model = { name, ...facts, composition: saidOf(composition) };
    this.#composed.set(name, { answerer, model, own });
  }
}

function saidOf({ mode, parts, span }: Composition): NonNullable<ServedModel['composition']> {
  return {
    mode,
    parts: hasWeights(mode) ? parts : parts.map(({ adapter }) => ({ adapter })),
    ...(hasSpans(mode) ? { span } : {}),
  };
}
