// Ranks that share a model train it as one process does: real processes, real collectives, toys.
// What they end with is read back from the checkpoint that they wrote together, by a process of
// another world.
import test from 'ava';
import type { ShardLayout } from '../../../crds/plan/shards.ts';
import { checkpointsOf } from '../../../worker/checkpoint/checkpoints.ts';
import { stateTensors } from '../../../worker/checkpoint/state-tensors.ts';
import { freshState } from '../../../worker/checkpoint/trainer-state.ts';
import { toArray } from '../../../worker/tensor/tensor.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { train } from '../../../worker/train/loop.ts';
import { type ShardedCase, shardedCases } from '../../builders/sharded-cases.ts';
import { Training, type TrainingOptions } from '../../builders/toy-training.ts';
import { FakeClock } from '../../doubles/clock.ts';
import { temporaryFolder } from '../../doubles/sources.ts';
import { digestsBelow } from '../../e2e/killed-run.ts';
import { Ranks } from './ranks.ts';

const ranks = new Ranks();
test.before(() => setThreads(1));
test.after.always(() => ranks[Symbol.dispose]());

const steps = 6;

/**
 * Sums of some 50 terms in another order, in float64, through six steps that each enlarge a
 * difference a few times.
 */
const reordered = 1e-12;
/** The same in float32. */
const coarse = reordered * 2 ** (53 - 24);

interface Outcome {
  readonly losses: readonly (number | null)[];
  readonly norms: readonly (number | null)[];
  readonly evaluations: readonly (number | null)[];
  /** Every value of the final state by name. */
  readonly values: ReadonlyMap<string, readonly number[]>;
}

function checkpointsIn(folder: string, training: Training) {
  return checkpointsOf(training.trained(), {
    ...{ root: folder, job: 'a'.repeat(64), base: 'base', clock: new FakeClock() },
    wish: { intervalSteps: 2, intervalSeconds: null },
    retain: { latest: 2, best: 0, everySteps: null },
    emit: training.parts.emit,
  });
}

function valuesOf(training: Training): Outcome['values'] {
  return new Map(
    [...stateTensors(training.trained())].map(([name, { tensor }]) => [name, toArray(tensor)]),
  );
}

/** One process, to `until`, from what the folder holds. */
async function trainAlone(name: ShardedCase, folder: string, until = steps): Promise<Outcome> {
  const options: TrainingOptions = shardedCases[name]();
  using training = new Training({ ...options, plan: { ...options.plan, totalSteps: until } });
  const checkpoints = checkpointsIn(folder, training);
  const start = (await checkpoints.restore()) ?? freshState;
  await train({ ...training.parts, checkpoints }, start);
  return {
    losses: training.ofType('step').map(({ loss }) => loss),
    norms: training.ofType('step').map(({ gradNorm }) => gradNorm),
    evaluations: training.ofType('evaluation').map(({ loss }) => loss),
    values: valuesOf(training),
  };
}

const alone = new Map<ShardedCase, Promise<Outcome>>();

/** One process, undisturbed to the end: each training once for all worlds it is compared to. */
function trainedAlone(name: ShardedCase): Promise<Outcome> {
  const train = async () => {
    await using folder = await temporaryFolder();
    return await trainAlone(name, folder.path);
  };
  const found = alone.get(name) ?? train();
  alone.set(name, found);
  return found;
}

/** What the newest checkpoint in the folder holds. */
async function storedIn(name: ShardedCase, folder: string): Promise<Outcome['values']> {
  using training = new Training(shardedCases[name]());
  await checkpointsIn(folder, training).restore();
  return valuesOf(training);
}

function largestGap(a: readonly (number | null)[], b: readonly (number | null)[]): number {
  const gaps = a.map((value, i) => Math.abs((value ?? Number.NaN) - (b[i] ?? Number.NaN)));
  return a.length === b.length ? Math.max(...gaps) : Number.NaN;
}

const trainsAlike = test.macro({
  async exec(t, name: ShardedCase, size: number, allowed: number, layout: ShardLayout = 'slice') {
    await using many = await temporaryFolder();
    const expected = await trainedAlone(name);
    const found = await ranks.trainTogether(size, {
      training: name,
      layout,
      folder: many.path,
      steps,
    });
    const [first] = found;
    for (const rank of found) t.deepEqual(rank, first);
    t.is(first?.leaked, 0, 'a training leaves no tensor behind');
    t.is(first?.losses.length, steps);
    for (const field of ['losses', 'norms', 'evaluations'] as const) {
      const gap = largestGap(expected[field], first?.[field] ?? []);
      // Summed up rank by rank, norms in float32, even where nothing else is summed in another
      // order.
      const least = { losses: 0, norms: coarse, evaluations: reordered }[field];
      const most = Math.max(allowed, least);
      t.true(gap <= most, `${field}: ${gap}`);
    }
    const values = await storedIn(name, many.path);
    t.deepEqual([...values.keys()], [...expected.values.keys()]);
    for (const [each, wanted] of expected.values) {
      const gap = largestGap(wanted, values.get(each) ?? []);
      t.true(gap <= allowed, `${each}: ${gap}`);
    }
  },
  title: (_, name, size, __, layout = 'slice') =>
    `${size} ranks train ${name} as one process does, tensors kept by ${layout}`,
});

for (const size of [2, 3, 4]) test.serial(trainsAlike, 'full-float64', size, reordered);
test.serial(trainsAlike, 'adapt-float64-recompute', 3, reordered);
test.serial(trainsAlike, 'full-float64-offload', 2, reordered);
test.serial(trainsAlike, 'full-float64', 3, reordered, 'owner');
test.serial(trainsAlike, 'tied-float64', 3, reordered);
for (const size of [2, 4]) test.serial(trainsAlike, 'bert-float64', size, reordered);
test.serial(trainsAlike, 'bert-float64', 3, reordered, 'owner');
test.serial(trainsAlike, 'roberta-lora-float64', 3, reordered);
for (const size of [2, 4]) test.serial(trainsAlike, 'dinov2-float64', size, reordered);
test.serial(trainsAlike, 'dinov2-float64', 3, reordered, 'owner');
test.serial(trainsAlike, 'deit-lora-float64', 3, reordered);
for (const size of [2, 3]) test.serial(trainsAlike, 'dit-float64', size, reordered);
test.serial(trainsAlike, 'dit-float64', 4, reordered, 'owner');
test.serial(trainsAlike, 'dit-lora-float64', 2, reordered);
for (const size of [2, 4]) test.serial(trainsAlike, 'lorat-float64', size, reordered);
test.serial(trainsAlike, 'lorat-lora-float64', 3, reordered);
for (const size of [2, 4]) test.serial(trainsAlike, 'srvgg-float64', size, reordered);
test.serial(trainsAlike, 'srvgg-float64', 3, reordered, 'owner');
test.serial(trainsAlike, 'srvgg-lora-float64', 3, reordered);
for (const size of [2, 3]) test.serial(trainsAlike, 'quantnas-search-float64', size, reordered);
test.serial(trainsAlike, 'quantnas-search-float64', 3, reordered, 'owner');
test.serial(trainsAlike, 'quantnas-found-float64', 3, reordered);
for (const size of [2, 4]) test.serial(trainsAlike, 'whisper-float64', size, reordered);
test.serial(trainsAlike, 'whisper-float64', 3, reordered, 'owner');
for (const size of [2, 4]) test.serial(trainsAlike, 'clip-float64', size, reordered);
for (const name of ['dual-float64', 'clip-lora-float64'] as const) {
  test.serial(trainsAlike, name, 3, reordered);
}
for (const size of [2, 3]) test.serial(trainsAlike, 'whisper-s2lora-float64', size, reordered);
for (const size of [2, 5]) test.serial(trainsAlike, 'lora-float64', size, reordered);
test.serial(trainsAlike, 'randlora-float64-recompute', 3, reordered);
test.serial(trainsAlike, 'l4q-float64', 3, reordered);
test.serial(trainsAlike, 'by-block-float64', 2, reordered);
test.serial(trainsAlike, 'lisa-float64', 2, reordered);
// Directions come from whole gradients, and are chosen twice.
for (const layout of ['matrices', 'owner'] as const)
  test.serial(trainsAlike, 'galore-float64', 3, 10 * reordered, layout);
test.serial(trainsAlike, 'natural-galore-float64', 3, 10 * reordered, 'matrices');
test.serial(trainsAlike, 'pv-float64', 3, 10 * reordered, 'owner');
// Moments of candidates are float32.
test.serial(trainsAlike, 'spiel-float64', 3, coarse, 'matrices');
test.serial(trainsAlike, 'spiel-ma-float64', 3, 10 * reordered, 'matrices');
for (const size of [2, 4]) test.serial(trainsAlike, 'full-float32', size, coarse);
test.serial(trainsAlike, 'lora-float32', 2, coarse);
test.serial(trainsAlike, 'halo-float64', 3, reordered);
test.serial(trainsAlike, 'halo-float64-recompute', 2, reordered);
test.serial(trainsAlike, 'mxfp4-float64', 3, reordered);
// Whoever has no target tokens adds zeros: what an optimizer does to a share is what it does to the
// whole, to the last bit.
for (const name of [
  'exact-adamw',
  'exact-adamw-master-weights',
  'exact-8bit',
  'exact-sgd',
  'exact-lora',
  'exact-fake-quantized',
  'exact-peqa',
  'exact-qlora',
  'exact-halo',
  'exact-halo-recompute',
  'exact-halo-textbook',
  'exact-halo-fp8',
  'exact-halo-lora',
  'exact-halo-lisa',
  'exact-nvfp4',
  'exact-mxfp4-recompute',
  'exact-nvfp4-lora',
] as const)
  test.serial(trainsAlike, name, 3, 0);

// Codes have owners, whatever the layout of the rest.
for (const size of [2, 3]) test.serial(trainsAlike, 'exact-int8', size, 0);
test.serial(trainsAlike, 'exact-int8-fused', 5, 0);
test.serial(trainsAlike, 'exact-int8-lisa', 3, 0);
test.serial(trainsAlike, 'exact-q-galore', 3, 0, 'matrices');
test.serial(trainsAlike, 'exact-spiel', 3, 0, 'matrices');
test.serial(trainsAlike, 'exact-spiel-ma', 3, 0, 'matrices');
for (const size of [2, 3]) test.serial(trainsAlike, 'exact-pv', size, 0, 'owner');
test.serial(trainsAlike, 'exact-pv-bfloat16', 3, 0, 'owner');

const repeats = test.macro({
  async exec(t, training: ShardedCase, layout: ShardLayout) {
    await using one = await temporaryFolder();
    await using other = await temporaryFolder();
    const asked = { training, layout, steps };
    for (const { path } of [one, other]) await ranks.trainTogether(3, { ...asked, folder: path });
    t.deepEqual(digestsBelow(one.path), digestsBelow(other.path));
  },
  title: (_, training: ShardedCase) => `the same world gives the same bits: ${training}`,
});

test.serial(repeats, 'stochastic', 'slice');
test.serial(repeats, 'q-galore', 'matrices');
test.serial(repeats, 'pv', 'owner');

const readsAny = test.macro({
  async exec(t, name: ShardedCase, worlds: readonly number[], layout: ShardLayout = 'slice') {
    await using changing = await temporaryFolder();
    const expected = await trainedAlone(name);
    for (const [i, size] of worlds.entries()) {
      const until = 2 * (i + 1);
      if (size === 1) await trainAlone(name, changing.path, until);
      else
        await ranks.trainTogether(size, {
          ...{ training: name, layout, folder: changing.path, steps: until },
        });
    }
    const values = await storedIn(name, changing.path);
    for (const [each, wanted] of expected.values) {
      const gap = largestGap(wanted, values.get(each) ?? []);
      t.true(gap <= (name.startsWith('exact') ? 0 : reordered), `${each}: ${gap}`);
    }
  },
  title: (_, name, worlds: readonly number[], layout: ShardLayout = 'slice') =>
    `${name} goes on in another world, by ${layout}: ${worlds.join(', then ')} ranks`,
});

test.serial(readsAny, 'full-float64', [2, 1, 3]);
test.serial(readsAny, 'lora-float64', [1, 3, 2]);
test.serial(readsAny, 'exact-8bit', [3, 2, 1]);
test.serial(readsAny, 'exact-qlora', [2, 1, 3]);
test.serial(readsAny, 'exact-adamw-master-weights', [1, 4, 2]);
test.serial(readsAny, 'exact-halo', [2, 1, 3]);
test.serial(readsAny, 'exact-nvfp4', [2, 1, 3]);
test.serial(readsAny, 'exact-q-galore', [3, 1, 2], 'matrices');
test.serial(readsAny, 'exact-pv', [1, 3, 2], 'owner');
