// A student that has to find the places where its teacher has other values than it.
import type { Adapter } from '../../worker/methods/adapters/adapter.ts';
import { candidates, index, value } from '../../worker/methods/adapters/places.ts';
import type { Optimizer, OptimizerState } from '../../worker/methods/optimizers/optimizer.ts';
import { grad, leaf, withTape } from '../../worker/tensor/autograd.ts';
import * as ops from '../../worker/tensor/ops.generated.ts';
import { normal } from '../../worker/tensor/rng.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { streamOf } from '../../worker/tensor/streams.ts';
import { item, type Tensor } from '../../worker/tensor/tensor.ts';

export interface PlantedJob {
  readonly adapter: (seed: number) => Adapter;
  readonly optimizer: Optimizer;
  readonly learningRate: number;
  readonly steps: number;
  /** Where a teacher differs at 2 % of all places. */
  readonly support: Support;
  /** Whether places are chosen again; else they stay random. */
  readonly regrows: boolean;
}

/** Anywhere, or at half of the places of 4 % of the rows. */
type Support = 'Anywhere' | 'Rows';

/** Two layers with relu between them, and a teacher that has other values at a few places. */
interface Planted {
  readonly recovered: number;
  /** Of the loss before the first step. */
  readonly loss: number;
}

const sizes = [
  { out: 96, in: 64 },
  { out: 32, in: 96 },
] as const;

export function planted(seed: number, job: PlantedJob): Planted {
  return scope(() => {
    const { steps } = job;
    const draw = (name: string, shape: readonly number[], std = 1) =>
      normal(shape, std, streamOf(seed, name));
    const falling = (count: number, power: number) =>
      ops.powScalar(ops.arange(1, count + 1, 1, { dtype: 'float32' }), -power);
    const rotation = (name: string, size: number) => ops.linalgQr(draw(name, [size, size]))[0];
    const mixed = ops.mul(rotation('inputs', 64), ops.mulScalar(falling(64, 0.5), 3));
    const inputs = (name: string) => ops.mm(draw(name, [64, 64]), ops.t(mixed));
    const { optimizer, learningRate } = job;
    const adapter = job.adapter(seed);
    const { regrowth } = adapter;
    const layers = sizes.map((size, i) => {
      const count = size.out * size.in;
      const least = Math.min(size.out, size.in);
      const [left, right] = [rotation(`u${i}`, size.out), rotation(`v${i}`, size.in)];
      const values = ops.mulScalar(falling(least, 0.7), Math.sqrt(least / 8));
      const first = (of: Tensor) => ops.narrow(of, 1, 0, least);
      const W = ops.mm(ops.mul(first(left), values), ops.t(first(right)));
      const shape = [size.out, size.in];
      const marks = marked(job.support, draw(`m${i}`, shape), (count) => draw(`r${i}`, [count]));
      const drawn = ops.mul(draw(`d${i}`, shape), ops.to(marks, 'float32'));
      const norm = (of: Tensor) => item(ops.linalgVectorNorm(of));
      const change = ops.mulScalar(drawn, (0.3 * norm(W)) / norm(drawn));
      const layer = { path: `l${i}`, layer: i, ...size, model: {} } as never;
      const made = adapter.initialize(layer, () => W);
      const all: Readonly<Record<string, Tensor>> = { ...made.trained, ...made.chosen };
      const states = new Map(
        [value, candidates].flatMap((suffix) => {
          const own = all[suffix];
          const { within } = made;
          const role = { isBlockMatrix: false, ...(within && { within }) };
          return own === undefined ? [] : [[suffix, optimizer.initialize(own, role)] as const];
        }),
      );
      return { W, teacher: ops.add(W, change), marks: ops.view(marks, [count]), all, states };
    });
    type Layer = (typeof layers)[number];
    const net = (x: Tensor, each: (layer: Layer, x: Tensor) => Tensor) => {
      const [first, second] = layers as [Layer, Layer];
      return each(second, ops.relu(each(first, x)));
    };
    const lossOf = (x: Tensor, y: Tensor) =>
      ops.mean(
        ops.square(
          ops.sub(
            y,
            net(x, ({ teacher }, h) => ops.linear(h, teacher)),
          ),
        ),
      );
    const student = ({ W, all }: Layer, x: Tensor, v = all[value] as Tensor) =>
      ops.loraLinear(x, W, null, all[index] as Tensor, v, 1);
    const tests = inputs('test');
    const measured = () => scope(() => item(lossOf(tests, net(tests, student))));
    const before = measured();
    for (let step = 0; step < steps; step += 1) {
      const moment = { step, totalSteps: steps };
      const probe = (job.regrows && regrowth?.candidates?.probe(moment)) || 'None';
      scope(() => {
        const x = inputs(`x${step}`);
        const found = withTape(() => {
          const values = layers.map(({ all }) => leaf(all[value] as Tensor));
          const seen: { readonly input: Tensor; readonly zeros: Tensor }[] = [];
          const y = net(x, (layer, input) => {
            const out = student(layer, input, values[layers.indexOf(layer)]);
            const zeros = leaf(ops.zerosLike(out));
            seen.push({ input, zeros });
            return ops.add(out, zeros);
          });
          const tapped = seen.toReversed();
          const gradients = grad(
            [lossOf(x, y)],
            [...values, ...tapped.map(({ zeros }) => zeros)],
            [null],
          );
          return { gradients, inputs: seen.toReversed().map(({ input }) => input) };
        });
        for (const [i, { all, states }] of layers.entries()) {
          const own = (suffix: string) => all[suffix] as Tensor;
          const stateOf = (suffix: string) => states.get(suffix) as OptimizerState;
          const update = (suffix: string, gradient: Tensor) =>
            optimizer.update(own(suffix), gradient, stateOf(suffix), {
              ...{ learningRate, count: step + 1, gradientScale: 1, decayed: false },
              ...{ stream: streamOf(1, 'none'), places: own(index) },
            });
          update(value, found.gradients[i] as Tensor);
          optimizer.endStep?.();
          if (probe !== 'None') {
            const dy = found.gradients[3 - i] as Tensor;
            const h = ops.detach(found.inputs[1 - i] as Tensor);
            if (probe === 'All') {
              const G = ops.mm(ops.t(dy), h);
              for (const state of Object.values(stateOf(candidates))) ops.zero_(state);
              ops.copy_(own(candidates), regrowth?.candidates?.choose(G, own) as Tensor);
            }
            update(candidates, ops.sampledProduct(dy, h, own(candidates)));
          }
          if (job.regrows && regrowth?.isDue(moment)) {
            regrowth.regrow({ tensors: own, states: stateOf }, moment);
          }
        }
      });
    }
    const [hits, all] = layers.reduce(
      ([found, every], { all: own, marks }) => [
        found + item(ops.sum(ops.to(ops.indexSelect(marks, 0, own[index] as Tensor), 'float32'))),
        every + item(ops.sum(ops.to(marks, 'float32'))),
      ],
      [0, 0],
    );
    return { recovered: (hits ?? 0) / (all ?? 1), loss: measured() / before };
  });
}

function marked(support: Support, drawn: Tensor, line: (count: number) => Tensor): Tensor {
  // 2 % of a normal distribution are above 2.0537.
  if (support === 'Anywhere') return ops.gtScalar(drawn, 2.0537);
  const [out = 0] = drawn.shape;
  const own = line(out);
  const [largest] = ops.topk(own, Math.round(0.04 * out));
  const rows = ops.unsqueeze(ops.ge(own, ops.amin(largest)), 1);
  return ops.logicalAnd(rows, ops.gtScalar(drawn, 0));
}

export function meanOf(runs: readonly Planted[], of: keyof Planted): number {
  return runs.reduce((sum, run) => sum + run[of] / runs.length, 0);
}
