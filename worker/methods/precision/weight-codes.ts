// What is made of weights once and serves until they change: their codes and scales.
import { keep, scope } from '../../tensor/scope.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { PlainLinear } from './precision.ts';

export class WeightCodes {
  readonly #make: (weight: Tensor) => readonly Tensor[];
  readonly #made = new Map<string, readonly Tensor[]>();

  constructor(make: (weight: Tensor) => readonly Tensor[]) {
    this.#make = make;
  }

  /** The part with this index of what is made of each. */
  of(layers: readonly PlainLinear[]): (part: number) => readonly Tensor[] {
    const all = layers.map((layer) => this.#of(layer));
    return (part) => all.map((parts) => parts[part] ?? noPart(part));
  }

  forget(name: string): void {
    for (const part of this.#made.get(name) ?? []) part.dispose();
    this.#made.delete(name);
  }

  forgetAll(): void {
    for (const name of [...this.#made.keys()]) this.forget(name);
  }

  #of({ name, weight }: PlainLinear): readonly Tensor[] {
    const known = this.#made.get(name);
    if (known !== undefined) return known;
    const made = scope(() => this.#make(weight)).map(keep);
    this.#made.set(name, made);
    return made;
  }
}

function noPart(part: number): never {
  throw new RangeError(`codes of a weight have no part ${part}`);
}
