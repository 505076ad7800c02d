// Training data for forms of the result that are made by what the model computes.
import { setImmediate } from 'node:timers/promises';
import { type Quantization, trajectoryOf } from '../../crds/api/quantization.ts';
import { parseDecimal } from '../../crds/schema/decimal.ts';
import { openFeed } from '../data/feed.ts';
import { firstSequences } from '../data/first-sequences.ts';
import { calibrationPictures } from '../denoising/calibration.ts';
import type { TrajectorySettings } from '../denoising/trajectory.ts';
import { linearSampler } from '../diffusion/sampler-config.ts';
import { linearLayers } from '../engine/adapted-layers.ts';
import { BlockWalk } from '../engine/block-walk.ts';
import { HeldSequences } from '../engine/held-sequences.ts';
import { InputSquares } from '../engine/input-squares.ts';
import type { HostSequence } from '../engine/packed-sequence.ts';
import type { RoleContext } from '../role.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { ArtifactFacts } from './artifact.ts';

type Context = Pick<RoleContext, 'emit' | 'stop'>;
type Data = Pick<ArtifactFacts, 'run' | 'prepared'>;
type Facts = Data & Pick<ArtifactFacts, 'model'>;

/** Of a model that makes pictures, some of them; else the first sequences of the training data. */
export async function calibrationFor(
  facts: Facts,
  own: Quantization,
  stop: AbortSignal,
): Promise<readonly HostSequence[]> {
  const { calibrationSequences: count } = own;
  if (facts.model.config.kind !== 'diffusion') return await calibrationOf(facts, count, stop);
  return await calibrationPictures(facts.model, samplingOf(facts, own), count, stop);
}

/** How pictures are made that a quantized model is calibrated on, and compared by. */
export function samplingOf({ run }: Pick<Facts, 'run'>, own: Quantization): TrajectorySettings {
  const { steps, guidance } = trajectoryOf(own);
  const { seed } = run.spec.training;
  return { sampler: linearSampler, steps, guidance: parseDecimal(guidance), seed };
}

/** The first sequences of the training data. */
export async function calibrationOf(
  { run, prepared }: Data,
  count: number,
  stop: AbortSignal,
): Promise<readonly HostSequence[]> {
  using feed = await openFeed(run.spec, prepared.data, stop);
  return firstSequences(feed, Math.min(count, feed.sequences));
}

/** What columns of linear layers count for, by the name of the matrix: mean squares, float32. */
export class ColumnImportance implements Disposable {
  readonly #byName = new Map<string, Tensor>();
  readonly #facts: Facts;
  readonly #sequences: number;
  readonly #context: Context;

  constructor(facts: Facts, sequences: number, context: Context) {
    this.#facts = facts;
    this.#sequences = sequences;
    this.#context = context;
  }

  of(name: string): Tensor | null {
    return this.#byName.get(name) ?? null;
  }

  /** One sequence after the other passes the trained model. */
  async measure(): Promise<void> {
    const { model } = this.#facts;
    const { emit, stop } = this.#context;
    const hosts = await calibrationOf(this.#facts, this.#sequences, stop);
    using squares = new InputSquares();
    for (const [done, host] of hosts.entries()) {
      using held = new HeldSequences(model, [host]);
      scope(() => {
        using walk = new BlockWalk(model, held.all);
        walk.finish({ input: (path, x) => squares.add(path, x) });
      }, model.device);
      const subject = 'importance of columns';
      const progress = { done: done + 1, total: hosts.length, unit: 'Records' } as const;
      emit({ type: 'stage', stage: 'Export', state: 'Running', subject, ...progress });
      // A request to stop is received here.
      await setImmediate();
      stop.throwIfAborted();
    }
    const tokens = hosts.reduce((sum, { ids }) => sum + ids.length, 0);
    for (const [path, sums] of squares.of(linearLayers(model.config))) {
      const mean = scope(() => meanSquares(sums, tokens));
      this.#byName.set(`${path}.weight`, keep(mean));
    }
  }

  [Symbol.dispose](): void {
    for (const each of this.#byName.values()) each.dispose();
    this.#byName.clear();
  }
}

/** A column that no token used counts for a little, or its weights would be lost. */
const least = 1e-4;

function meanSquares(sums: Tensor, tokens: number): Tensor {
  const means = ops.divScalar(sums, tokens);
  const floor = ops.mulScalar(ops.meanDim(means, [0], true), least);
  return ops.to(ops.maximum(means, ops.addScalar(floor, Number.MIN_VALUE)), 'float32');
}
