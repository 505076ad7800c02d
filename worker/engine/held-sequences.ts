// Sequences on the device for longer than a scope, which ends where its caller waits.
import { keep, scope } from '../tensor/scope.ts';
import { Tensor } from '../tensor/tensor.ts';
import type { Model } from './model.ts';
import { type HostSequence, type PackedSequence, toSequence } from './packed-sequence.ts';

export class HeldSequences implements Disposable {
  readonly all: readonly PackedSequence[];
  readonly #tensors = new Set<Tensor>();

  constructor(model: Pick<Model, 'network' | 'dtype' | 'device'>, hosts: readonly HostSequence[]) {
    this.all = hosts.map((host) =>
      scope(() => {
        const sequence = toSequence(model, host);
        this.#hold(sequence);
        return sequence;
      }, model.device),
    );
  }

  [Symbol.dispose](): void {
    for (const tensor of this.#tensors) tensor.dispose();
  }

  #hold(value: unknown): void {
    if (value instanceof Tensor) {
      if (!this.#tensors.has(value)) this.#tensors.add(keep(value));
    } else if (typeof value === 'object' && value !== null) {
      for (const each of Object.values(value)) this.#hold(each);
    }
  }
}
