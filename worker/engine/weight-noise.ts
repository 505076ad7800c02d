// Noise on the weights of layers with an adapter, in training steps alone. As an adapter that is
// multiplied out does, it makes a copy of each weight while its block is computed; the numbers of a
// copy are named by step and layer, so the backward makes it again with the same bits, and every
// worker has the same: one noise for all tokens of a step. Nothing else reads the copies:
// evaluation, answers and results are those of the adapter without it.
//
// What noise depends on of the last gradients is a number for each row (`common`), which
// checkpoints hold.

import { Bug } from '../../crds/failures/errors.ts';
import { factorA, factorB, type LinearLayer } from '../methods/adapters/adapter.ts';
import { changeRows, type GgpoSettings, gradientRows, noiseScales } from '../methods/rules/ggpo.ts';
import { denseOf } from '../methods/weights/weight-store.ts';
import { exactType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { normal } from '../tensor/rng.ts';
import { keep, scope } from '../tensor/scope.ts';
import { streamOf } from '../tensor/streams.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type Model, tensorsOf } from './model.ts';
import type { Gradient } from './update.ts';
import type { World } from './world.ts';

interface Rows {
  /** Squared norms of the last gradient that was applied. */
  readonly last: Tensor;
  /** Those of the step that is computed. */
  readonly next: Tensor;
}

export class WeightNoise implements Disposable {
  readonly #model: Model;
  readonly #settings: GgpoSettings;
  readonly #seed: bigint;
  readonly #world: World;
  readonly #rows: ReadonlyMap<string, Rows>;
  /** Paths of layers whose gradients this step has seen. */
  readonly #fresh = new Set<string>();

  constructor(model: Model, settings: GgpoSettings, seed: bigint, world: World) {
    this.#model = model;
    this.#settings = settings;
    this.#seed = seed;
    this.#world = world;
    const dtype = exactType(model.dtype);
    const none = (out: number) => keep(ops.zeros([out], { dtype, device: model.device }));
    this.#rows = new Map(
      [...model.adapted.values()].map(({ path, out }) => [
        path,
        { last: none(out), next: none(out) },
      ]),
    );
  }

  /** The state that a resumed run needs, by name; the same at every rank. */
  get common(): ReadonlyMap<string, Tensor> {
    return new Map([...this.#rows].map(([path, { last }]) => [`${path}.weight#gradient`, last]));
  }

  /** Computes a step with noise; `applied` of its outcome says whether its gradients count. */
  during<Outcome extends { readonly applied: boolean }>(
    step: number,
    compute: (seen: (gradients: readonly Gradient[]) => void) => Outcome,
  ): Outcome {
    const { adapted, parameters } = this.#model;
    this.#fresh.clear();
    for (const layer of adapted.values()) {
      parameters.change(`${layer.path}.weight`, () => this.#noisy(layer, step));
    }
    try {
      const outcome = compute((gradients) => this.#see(gradients));
      if (outcome.applied) this.#takeOver();
      return outcome;
    } finally {
      for (const { path } of adapted.values()) parameters.unchange(`${path}.weight`);
    }
  }

  [Symbol.dispose](): void {
    for (const { last, next } of this.#rows.values()) {
      last.dispose();
      next.dispose();
    }
  }

  #noisy(layer: LinearLayer, step: number): Tensor {
    const { parameters, dtype } = this.#model;
    const { path, out, in: inputs } = layer;
    const weight = denseOf(parameters.value(`${path}.weight`));
    const scales = noiseScales(
      weight,
      changeRows(this.#factors(layer)),
      this.#rowsOf(path).last,
      this.#settings,
    );
    const stream = streamOf(this.#seed, 'weight_noise', path, step);
    const noise = normal([out, inputs], 1, stream, exactType(this.#model.dtype));
    return ops.to(ops.add_(ops.mul_(noise, scales), weight), dtype);
  }

  /** Of one block: sums both gradients of its layers over all ranks. Collective. */
  #see(gradients: readonly Gradient[]): void {
    const own = new Map(gradients.map(({ parameter, value }) => [parameter.name, value]));
    const seen = [...this.#model.adapted.values()].flatMap((layer) => {
      const [dA, dB] = [factorA, factorB].map((suffix) => own.get(`${layer.path}.${suffix}`));
      return dA === undefined || dB === undefined ? [] : [{ layer, parts: [dA, dB] }];
    });
    if (seen.length === 0) return;
    scope(() => {
      const sums = this.#summed(seen.flatMap(({ parts }) => parts));
      for (const [i, { layer }] of seen.entries()) {
        const [dA, dB] = [sums[2 * i], sums[2 * i + 1]];
        if (dA === undefined || dB === undefined) throw new Bug('a sum is missing');
        const { next } = this.#rowsOf(layer.path);
        ops.copy_(next, gradientRows(this.#factors(layer), dA, dB));
        this.#fresh.add(layer.path);
      }
    });
  }

  /** In one collective. */
  #summed(parts: readonly Tensor[]): readonly Tensor[] {
    const dtype = exactType(this.#model.dtype);
    const all = ops.cat(parts.map((part) => ops.to(ops.view(part, [-1]), dtype)));
    this.#world.sumTensor(all);
    let at = 0;
    return parts.map(({ shape, numel }) => {
      at += numel;
      return ops.view(ops.narrow(all, 0, at - numel, numel), shape);
    });
  }

  #takeOver(): void {
    for (const path of this.#fresh) {
      const { last, next } = this.#rowsOf(path);
      ops.copy_(last, next);
    }
  }

  #factors(layer: LinearLayer) {
    const delta = tensorsOf(this.#model, new Map(), null).delta(layer.path);
    if (delta?.form !== 'product') throw new Bug(`${layer.path} has no two matrices`);
    return delta;
  }

  #rowsOf(path: string): Rows {
    return this.#rows.get(path) ?? missing(path);
  }
}

function missing(path: string): never {
  throw new Bug(`${path} has no adapter`);
}
