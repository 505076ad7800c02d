// What a step of any network has to hold: its gradients are slopes of the loss, no mode of tape
// changes a bit, smaller types lose only their rounding, and an adapter sees the dense gradient.
import type { ExecutionContext } from 'ava';
import { UserError } from '../../crds/failures/errors.ts';
import type { TapeMode } from '../../crds/plan/memory-question.ts';
import type { Model } from '../../worker/engine/model.ts';
import type { HostSequence } from '../../worker/engine/packed-sequence.ts';
import { lora } from '../../worker/methods/adapters/lora.ts';
import { distillationLoss } from '../../worker/methods/rules/distillation.ts';
import type { DType } from '../../worker/tensor/dtype.ts';
import { liveHandles } from '../../worker/tensor/memory.ts';
import * as ops from '../../worker/tensor/ops.generated.ts';
import { normal } from '../../worker/tensor/rng.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { streamOf } from '../../worker/tensor/streams.ts';
import { tensor, toArray } from '../../worker/tensor/tensor.ts';
import { gradientsOf, type StepFacts, stepGap } from './training.ts';

type Sequences = readonly HostSequence[];

/** Two orders of the same sums in float64, on gradients of size 10. */
export const reordered = 1e-12;

interface Slopes {
  /** The step along a direction. @default 1e-5 */
  readonly h?: number;
  /** @default 1e-6 of a slope or of 1: h^2 of a third derivative of size 1e3, and 1e-15 over h */
  readonly allowed?: (slope: number) => number;
  /** The name of a tensor that never trains. */
  readonly fixed?: string;
  /** Whose slope it is, where gradients do not pass all of the loss. @default the loss */
  readonly lossOf?: () => number;
}

/** Every tensor has a gradient, which is the slope of the loss, by finite differences. */
export function gradientsAreSlopes(
  t: ExecutionContext,
  model: Model,
  sequences: Sequences,
  {
    h = 1e-5,
    allowed = (slope) => 1e-6 * Math.max(1, Math.abs(slope)),
    fixed,
    lossOf = () => gradientsOf(model, sequences).loss,
  }: Slopes = {},
): void {
  const before = liveHandles();
  const { gradients } = gradientsOf(model, sequences);
  t.is(liveHandles(), before, 'a step leaves no tensor behind');
  const names = model.parameters.all().flatMap(({ name }) => (name === fixed ? [] : [name]));
  t.deepEqual([...gradients.keys()].sort(), [...names].sort());
  for (const each of names) {
    const value = model.parameters.value(each);
    const direction = scope(() => toArray(normal(value.shape, 1, streamOf(7, each), 'float64')));
    const along = (step: number): number =>
      scope(() => {
        const kept = ops.clone(value);
        ops.add_(value, ops.mulScalar(tensor(direction, value.shape, 'float64'), step));
        const loss = lossOf();
        ops.copy_(value, kept);
        return loss;
      });
    const slope = (along(h) - along(-h)) / (2 * h);
    const found = gradients.get(each) ?? [];
    const ours = found.reduce((sum, g, i) => sum + g * (direction[i] ?? 0), 0);
    t.true(Math.abs(slope - ours) <= allowed(slope), `${each}: ${slope} and ${ours}`);
  }
}

/** Kept, computed again and offloaded tapes give the same bits. */
export function tapesAreAlike(t: ExecutionContext, model: Model, sequences: Sequences): void {
  const [kept, ...others] = (['keep', 'recompute', 'offload'] as const).map((mode: TapeMode) =>
    gradientsOf(model, sequences, mode),
  );
  for (const other of others) t.deepEqual(other, kept);
}

/** Documents of one sequence have the step that they have in sequences of their own. */
export function togetherAsAlone(
  t: ExecutionContext,
  model: Model,
  apart: Sequences,
  together: Sequences,
): void {
  const gap = stepGap(gradientsOf(model, apart), gradientsOf(model, together));
  t.true(gap <= reordered, `${gap}`);
}

/** `allowed`: gaps to the step in float64, by type. */
export function losesOnlyRounding(
  t: ExecutionContext,
  build: (dtype: DType) => Model,
  sequences: Sequences,
  allowed: Readonly<Record<'float32' | 'bfloat16', number>>,
): void {
  const exact = build('float64');
  using _exact = exact.parameters;
  const expected = gradientsOf(exact, sequences);
  for (const dtype of ['float32', 'bfloat16'] as const) {
    const model = build(dtype);
    using _parameters = model.parameters;
    const gap = stepGap(expected, gradientsOf(model, sequences, 'recompute'));
    t.true(gap <= allowed[dtype], `${dtype}: ${gap}`);
  }
}

/** LoRA of rank 4 whose scale is 2. */
export function toyLora(targets: (path: string) => boolean, dtype: 'float64' | 'float32') {
  return lora({
    ...{ rank: 4, alpha: 8, dropout: 0, scaling: 'Standard', learningRateRatio: 1 },
    ...{ initialization: 'KaimingUniform', targets, seed: 5n, dtype },
  });
}

/** The first step of `toyLora` is that of the dense weights `whole` through its factors. */
export function factorsSeeDenseGradients(
  t: ExecutionContext,
  { parameters }: Model,
  factors: StepFacts,
  whole: StepFacts,
  paths: readonly string[],
): void {
  // Sums with a zero in them may be rounded at other places.
  t.true(Math.abs(whole.loss - factors.loss) <= reordered);
  for (const path of paths) {
    scope(() => {
      const [A, B] = [
        parameters.value(`${path}.lora_A.weight`),
        parameters.value(`${path}.lora_B.weight`),
      ];
      const shape = [B.shape[0] ?? 0, A.shape[1] ?? 0];
      const dW = tensor(whole.gradients.get(`${path}.weight`) ?? [], shape, 'float64');
      // B is 0: dB = scale dW A^T, and A has no gradient yet.
      const expected = toArray(ops.mulScalar(ops.mm(dW, ops.t(A)), 2));
      const found = factors.gradients.get(`${path}.lora_B.weight`) ?? [];
      const off = Math.max(...expected.map((x, i) => Math.abs(x - (found[i] ?? Number.NaN))));
      t.true(off <= reordered, `${path}: ${off}`);
    });
  }
}

/** A network without tokens refuses an objective that a teacher gives, in this sentence. */
export function refusesTeacher(
  t: ExecutionContext,
  model: Model,
  sequences: Sequences,
  message: RegExp,
): void {
  const objective = distillationLoss({ temperature: 1, weight: 0.5 });
  const teacher = () => ({ ids: tensor([0], [1, 1]), logQ: tensor([0, 0], [1, 2]) });
  t.throws(() => gradientsOf(model, sequences, 'keep', { distilled: { objective, teacher } }), {
    instanceOf: UserError,
    message,
  });
}
