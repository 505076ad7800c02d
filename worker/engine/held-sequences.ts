// Sequences on the device for longer than a scope, which ends where its caller waits.
import type { Device } from '../tensor/device.ts';
import type { DType } from '../tensor/dtype.ts';
import { keep, scope } from '../tensor/scope.ts';
import { Tensor } from '../tensor/tensor.ts';
import {
  type HostSequence,
  type PackedSequence,
  type SequenceRope,
  toSequence,
} from './packed-sequence.ts';

interface Place {
  readonly rope: SequenceRope;
  readonly dtype: DType;
  readonly device: Device;
}

export class HeldSequences implements Disposable {
  readonly all: readonly PackedSequence[];
  readonly #tensors = new Set<Tensor>();

  constructor({ rope, dtype, device }: Place, hosts: readonly HostSequence[]) {
    this.all = hosts.map((host) =>
      scope(() => {
        const sequence = toSequence(rope, host, dtype);
        this.#hold(sequence);
        return sequence;
      }, device),
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
