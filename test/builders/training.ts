// A model, sequences and an update for tests of the engine, small enough to reason about.
import { tmpdir } from 'node:os';
import type { TapeMode } from '../../crds/plan/memory-question.ts';
import { headTop } from '../../worker/decoder/head.ts';
import { FileActivationOffload } from '../../worker/engine/activation-offload.ts';
import { BlockWalk } from '../../worker/engine/block-walk.ts';
import { buildModel } from '../../worker/engine/build-model.ts';
import type { Active, Model } from '../../worker/engine/model.ts';
import type { Objective } from '../../worker/engine/objective.ts';
import type { HostSequence } from '../../worker/engine/packed-sequence.ts';
import { type TeacherRows, toSequence } from '../../worker/engine/packed-sequence.ts';
import type { Parameter } from '../../worker/engine/parameters.ts';
import type { StepUpdateSink } from '../../worker/engine/update.ts';
import { withLayer } from '../../worker/engine/weights.ts';
import type { Adapter } from '../../worker/methods/adapters/adapter.ts';
import type { Precision } from '../../worker/methods/precision/precision.ts';
import { type DensityTerm, densityLoss } from '../../worker/methods/rules/density-loss.ts';
import { all } from '../../worker/methods/selection/all.ts';
import type { InsideLoss } from '../../worker/nn/inside.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { item, type Tensor, tensor, toArray } from '../../worker/tensor/tensor.ts';
import { step } from '../../worker/train/step.ts';
import type { GoldenCase } from '../toy/golden.ts';
import { goldenConfig, goldenTensors } from '../toy/golden.ts';

/** A toy of the golden table in float64; the caller disposes its parameters. */
export function aModel(
  golden: GoldenCase,
  adapter: Adapter | null = null,
  precision: Precision | null = null,
): Model {
  const config = goldenConfig(golden);
  const tensors = goldenTensors(config);
  return buildModel(
    {
      config,
      tensorNames: [...tensors.keys()],
      isBfloat16: () => false,
      load(name): Tensor {
        const found = tensors.get(name);
        if (found === undefined) throw new Error(`no tensor ${name}`);
        return tensor(found.values, found.spec.shape, 'float64');
      },
    },
    { dtype: 'float64', adapter, precision, sequenceLength: 12 },
  );
}

/** Documents side by side, every token but each document's last predicts the next. */
export function aSequence(documents: readonly (readonly number[])[], key = 0): HostSequence {
  const ids = documents.flat();
  const labels = documents.flatMap((ids) => [...ids.slice(1), -100]);
  const positions = documents.flatMap((ids) => ids.map((_, position) => position));
  const offsets = [0];
  for (const { length } of documents) offsets.push((offsets.at(-1) ?? 0) + length);
  return {
    ids: Int32Array.from(ids),
    labels: Int32Array.from(labels),
    positions: Int32Array.from(positions),
    offsets: Int32Array.from(offsets),
    targetCount: labels.filter((label) => label >= 0).length,
    key,
  };
}

export interface StepFacts {
  readonly loss: number;
  /** From the teacher, of a token. */
  readonly divergence: number;
  readonly gradients: ReadonlyMap<string, readonly number[]>;
  readonly density: { readonly term: number; readonly inUse: number } | null;
  /** What the loss inside the blocks measures. */
  readonly measured: readonly number[];
}

/**
 * The largest gap between two steps: of their losses, and of their gradients, each over the larger
 * of 1 and the largest value of its tensor.
 */
export function stepGap(a: StepFacts, b: StepFacts): number {
  const gaps = [...a.gradients].flatMap(([name, values]) => {
    const others = b.gradients.get(name) ?? [];
    const size = Math.max(1, ...values.map(Math.abs));
    return values.map((value, i) => Math.abs(value - (others[i] ?? Number.NaN)) / size);
  });
  return Math.max(Math.abs(a.loss - b.loss), ...gaps);
}

/** What is added to the loss of the data. */
interface LossTerms {
  readonly regularizes?: boolean;
  readonly density?: DensityTerm | null;
  /** Inside the blocks. */
  readonly inside?: InsideLoss | null;
  /** @default all that trains */
  readonly active?: Active;
  /** In place of cross entropy, and what a teacher says of each sequence. */
  readonly distilled?: Distilled;
}

interface Distilled {
  readonly objective: Objective;
  readonly teacher: (sequence: HostSequence) => TeacherRows;
}

/**
 * Loss and gradients of one step over the sequences; nothing is updated. Gradients are those of the
 * loss and of the terms.
 */
export function gradientsOf(
  model: Model,
  sequences: readonly HostSequence[],
  mode: TapeMode = 'keep',
  { regularizes = false, density = null, inside = null, distilled, active }: LossTerms = {},
): StepFacts {
  const gradients = new Map<string, readonly number[]>();
  const sink: StepUpdateSink = {
    offer(offered: readonly { readonly parameter: Parameter; readonly value: Tensor }[]) {
      for (const { parameter, value } of offered) {
        gradients.set(parameter.name, toArray(value));
        value.dispose();
      }
    },
    finish: (sums = []) => ({
      gradientNorm: 0,
      clipFactor: 1,
      applied: true,
      sums: sums.map((sum) => item(sum)),
    }),
  };
  const targetTokens = sequences.reduce((sum, { targetCount }) => sum + targetCount, 0);
  using offload = new FileActivationOffload(tmpdir());
  return scope(() => {
    const outcome = step({
      model,
      sequences: sequences.map((host) => {
        const sequence = toSequence(model, host);
        return distilled ? { ...sequence, teacher: distilled.teacher(host) } : sequence;
      }),
      ...(distilled && { objective: distilled.objective }),
      targetTokens,
      active: active ?? all(model.parameters).at(0),
      modes: new Array<TapeMode>(model.config.L).fill(mode),
      offload,
      update: sink,
      inside: density === null ? inside : densityLoss(density),
      draw: ({ key }) => ({ seed: 1n, step: 0, key }),
      regularizes,
    });
    const { sums, measured } = outcome;
    const [term = 0, inUse = 0] = measured;
    const loss = (sums['loss'] ?? Number.NaN) / targetTokens;
    const divergence = (sums['divergence'] ?? 0) / targetTokens;
    return {
      loss,
      divergence,
      gradients,
      measured,
      density: density === null ? null : { term, inUse },
    };
  });
}

/** What a model says of a sequence as the teacher of another. */
export function topOf(
  model: Model,
  host: HostSequence,
  { count, temperature }: { readonly count: number; readonly temperature: number },
): TeacherRows {
  const sequence = toSequence(model, host);
  using walk = new BlockWalk(model, [sequence], { head: true });
  const [x] = walk.finish();
  if (x === undefined) throw new Error('the sequence did not pass the blocks');
  return withLayer(model, model.places.outlet, null, () =>
    headTop(model, x, sequence, { count, temperature }),
  );
}
