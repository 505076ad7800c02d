// LISA on toys: what moves, what rests, what state lives, and that the arithmetic of the blocks
// that move is that of full training.

import test from 'ava';
import { freshState } from '../../../../worker/checkpoint/trainer-state.ts';
import type { Trains } from '../../../../worker/engine/build-model.ts';
import type { Parameter, Parameters } from '../../../../worker/engine/parameters.ts';
import { lora } from '../../../../worker/methods/adapters/lora.ts';
import { adamW } from '../../../../worker/methods/optimizers/adamw.ts';
import { all } from '../../../../worker/methods/selection/all.ts';
import { type LisaSettings, lisa } from '../../../../worker/methods/selection/lisa.ts';
import type { Selection } from '../../../../worker/methods/selection/selection.ts';
import { toArray, toBytes } from '../../../../worker/tensor/tensor.ts';
import { setThreads } from '../../../../worker/tensor/threads.ts';
import { train } from '../../../../worker/train/loop.ts';
import {
  aToyModel,
  countUp,
  plainAdamW,
  Training,
  type TrainingOptions,
} from '../../../builders/toy-training.ts';
import { aSequence } from '../../../builders/training.ts';

test.before(() => setThreads(1));

const blocks = 6;
const config = { num_hidden_layers: blocks };

const settings: LisaSettings = {
  ...{ activeLayers: 2, intervalSteps: 3, state: 'Drop', sampling: 'Uniform' },
  ...{ weights: [], seed: 1n },
};

const withLisa =
  (changes: Partial<LisaSettings> = {}) =>
  (parameters: Parameters): Selection =>
    lisa({ ...settings, ...changes }, parameters);

const batches = [0, 1, 2].map((n) => [
  aSequence([countUp(n, 9), countUp(n + 20, 5)], 2 * n),
  aSequence([countUp(n + 11, 12)], 2 * n + 1),
]);

/** Blocks that move at a step. */
function activeAt(selection: Selection, step: number): readonly number[] {
  const active = selection.at(step);
  return Array.from({ length: blocks }, (_, block) => block).filter(
    (block) => active(block).length > 0,
  );
}

function valuesOf(training: Training): ReadonlyMap<string, Buffer> {
  const trained = training.model.parameters.trained();
  return new Map(trained.map(({ name, value }) => [name, Buffer.from(toBytes(value))]));
}

async function trained(options: TrainingOptions): Promise<ReadonlyMap<string, Buffer>> {
  using training = new Training({ config, batches, plan: { totalSteps: 7 }, ...options });
  await train(training.parts, freshState);
  return training.bits();
}

test('with as many active layers as blocks it is full training, bit for bit; Reset is not', async (t) => {
  const full = await trained({ selection: all });
  for (const activeLayers of [blocks, blocks + 5]) {
    for (const state of ['Drop', 'Keep'] as const) {
      const found = await trained({ selection: withLisa({ activeLayers, state }) });
      t.deepEqual(found, full, `${activeLayers} ${state}`);
    }
  }
  const reset = { activeLayers: blocks, state: 'Reset' } as const;
  t.notDeepEqual(await trained({ selection: withLisa(reset) }), full);
});

test('a block that rests keeps its bits over the interval, under weight decay too; one that moves does not', async (t) => {
  using training = new Training({
    ...{ config, batches, selection: withLisa(), plan: { totalSteps: 12 } },
    optimizer: adamW({ ...plainAdamW, weightDecay: 0.5 }),
  });
  let before = valuesOf(training);
  let step = 0;
  const emit: typeof training.parts.emit = (message) => {
    if (message.type !== 'step') return;
    const active = activeAt(training.parts.selection, step);
    for (const { name, layer, value } of training.model.parameters.trained()) {
      const same = before.get(name)?.equals(Buffer.from(toBytes(value))) ?? false;
      const rests = typeof layer === 'number' && !active.includes(layer);
      t.is(same, rests, `${name} in step ${step}, where ${active} move`);
    }
    before = valuesOf(training);
    step += 1;
  };
  await train({ ...training.parts, emit }, freshState);
  t.is(step, 12);
});

test('blocks are drawn at the first step of an interval, and by the seed alone', (t) => {
  const model = aToyModel({ config });
  using parameters = model.parameters;
  const sequence = (changes: Partial<LisaSettings> = {}) => {
    const selection = lisa({ ...settings, ...changes }, parameters);
    return Array.from({ length: 60 }, (_, step) => activeAt(selection, step).join());
  };
  const found = sequence();
  for (const [step, active] of found.entries()) {
    t.is(active, found[step - (step % settings.intervalSteps)] ?? '', `step ${step}`);
  }
  t.true(new Set(found).size > 5);
  t.deepEqual(sequence(), found);
  t.notDeepEqual(sequence({ seed: 2n }), found);
  // Steps may be asked in any order: a rollback goes back.
  const selection = lisa(settings, parameters);
  const backwards = Array.from({ length: 60 }, (_, i) => activeAt(selection, 59 - i).join());
  t.deepEqual(backwards.toReversed(), found);
});

/** Names of the parameters that have state, without their blocks' numbers being all. */
function liveBlocks(training: Training): readonly number[] {
  const layers = new Set<Parameter['layer']>();
  for (const name of training.states.byName.keys()) {
    layers.add(training.model.parameters.get(name).layer);
  }
  return [...layers].filter((layer) => typeof layer === 'number').sort((a, b) => a - b);
}

test('Drop holds the state of the active blocks and of nothing else, Keep that of all that moved so far', async (t) => {
  for (const state of ['Drop', 'Keep', 'Reset'] as const) {
    using training = new Training({
      ...{ config, batches, selection: withLisa({ state }), plan: { totalSteps: 30 } },
    });
    const seen = new Set<number>();
    let step = 0;
    const emit: typeof training.parts.emit = (message) => {
      if (message.type !== 'step') return;
      const active = activeAt(training.parts.selection, step);
      for (const block of active) seen.add(block);
      const expected = state === 'Keep' ? [...seen].sort((a, b) => a - b) : active;
      t.deepEqual(liveBlocks(training), expected, `${state} after step ${step}`);
      step += 1;
    };
    const { state: end } = await train({ ...training.parts, emit }, freshState);
    t.is(end.stepCounts['embedding'], state === 'Reset' ? 3 : 30);
  }
});

/** A selection of blocks by a list, with the rule of LISA for state. */
function scripted(
  script: readonly (readonly number[])[],
  state: 'Drop' | 'Keep',
): (parameters: Parameters) => Selection {
  return (parameters) => {
    // One step an interval, and weights that leave no choice.
    const turns = script.map((active) => {
      const weights = Array.from({ length: blocks }, (_, block) =>
        active.includes(block) ? 1 : 0,
      );
      const fixed = { sampling: 'Weighted', weights, activeLayers: active.length } as const;
      return lisa({ ...settings, ...fixed, intervalSteps: 1, state }, parameters);
    });
    const turn = (step: number): Selection => turns[step]!;
    return {
      name: 'Scripted',
      at: (step) => turn(step).at(step),
      stepCounts: (step, before) => turn(step).stepCounts(step, before),
      describe: () => null,
    };
  };
}

const gradientFree = { clip: { mode: 'None', norm: 1 } } as const;

test('a block that returns after Drop makes the first step of AdamW: the rate times the sign of its gradient', async (t) => {
  const learningRate = 1e-3;
  using training = new Training({
    ...{ config, batches, ...gradientFree, dtype: 'float64' },
    ...{ selection: scripted([[1], [2], [1]], 'Drop') },
    plan: { totalSteps: 3, learningRate: () => learningRate },
    optimizer: adamW({ ...plainAdamW, weightDecay: 0, epsilon: 1e-30 }),
  });
  const name = 'model.layers.1.mlp.down_proj.weight';
  const { value } = training.model.parameters.get(name);
  const isActiveIn: (readonly number[])[] = [];
  let before = toArray(value);
  const emit: typeof training.parts.emit = (message) => {
    if (message.type !== 'step') return;
    const now = toArray(value);
    isActiveIn.push(now.map((x, i) => x - before[i]!));
    before = now;
  };
  await train({ ...training.parts, emit }, freshState);
  t.true(isActiveIn[1]?.every((move) => move === 0));
  for (const step of [0, 2]) {
    for (const move of isActiveIn[step] ?? []) {
      if (move === 0) continue; // a gradient of exactly 0
      t.true(Math.abs(Math.abs(move) / learningRate - 1) <= 1e-9, `step ${step}: ${move}`);
    }
  }
});

test('under Keep a block goes on as if the steps in which it rested had not been; under Drop it begins anew', async (t) => {
  // A rate of 0 leaves the gradients of a batch as they are, so that states can be compared bit for
  // bit.
  const still = { config, optimizer: adamW({ ...plainAdamW, weightDecay: 0 }) };
  const after = async (
    script: readonly (readonly number[])[],
    state: 'Drop' | 'Keep',
    given: TrainingOptions['batches'],
  ) => {
    using training = new Training({
      ...{ ...still, batches: given ?? [], selection: scripted(script, state) },
      plan: { totalSteps: script.length, learningRate: () => 0 },
    });
    const result = await train(training.parts, freshState);
    const own = [...training.bits()].filter(([name]) => /layers\.0\..*#/.test(name));
    return { stepCount: result.state.stepCounts['0'], state: new Map(own) };
  };
  // The fourth batch is the first again.
  const rests = [[0], [1], [2], [0]];
  const first = batches.slice(0, 1);
  const twice = await after([[0], [0]], 'Keep', first);
  t.true(twice.state.size > 0);
  t.deepEqual(await after(rests, 'Keep', batches), twice);
  t.is(twice.stepCount, 2);
  const once = await after([[0]], 'Drop', first);
  t.deepEqual(await after(rests, 'Drop', batches), once);
  t.is(once.stepCount, 1);
  t.notDeepEqual(once.state, twice.state);
});

test('nothing is computed below the lowest active block when the embedding rests, and what moves still gets a gradient', async (t) => {
  const trains: Trains = ({ place }) => typeof place === 'number';
  for (const mode of ['keep', 'recompute'] as const) {
    using training = new Training({
      ...{ config, batches, mode, trains, selection: scripted([[4], [5], [3]], 'Drop') },
      plan: { totalSteps: 3 },
    });
    const before = valuesOf(training);
    await train(training.parts, freshState);
    for (const [name, bytes] of valuesOf(training)) {
      const block = Number(/layers\.(\d+)/.exec(name)?.[1]);
      t.is(bytes.equals(before.get(name)!), block < 3, `${name} with tapes that it ${mode}s`);
    }
    for (const { gradNorm } of training.ofType('step')) t.true((gradNorm ?? 0) > 1e-3);
    t.deepEqual(
      [...training.states.byName.keys()].filter((name) => !/layers\.3/.test(name)),
      [],
    );
  }
});

test('tapes that are kept and blocks that are run again give the same bits', async (t) => {
  const [kept, again] = await Promise.all(
    (['keep', 'recompute'] as const).map((mode) => trained({ mode, selection: withLisa() })),
  );
  t.deepEqual(kept, again);
});

test('the norm that clips is that of the gradients that move', async (t) => {
  const norms = async (selection: (parameters: Parameters) => Selection) => {
    using training = new Training({
      ...{ config, batches, selection, dtype: 'float64', plan: { totalSteps: 1 } },
    });
    await train(training.parts, freshState);
    return (training.ofType('step')[0]?.gradNorm ?? 0) ** 2;
  };
  const full = await norms(all);
  const outside = await norms(scripted([[]], 'Drop'));
  let sum = outside;
  for (let block = 0; block < blocks; block += 1) {
    sum += (await norms(scripted([[block]], 'Drop'))) - outside;
  }
  t.true(Math.abs(sum - full) <= 1e-12 * full, `${sum} for ${full}`);
  const two = await norms(scripted([[1, 4]], 'Drop'));
  t.true(two < full && two > outside);
});

test('which blocks are drawn, how many and how often decides what is learned', async (t) => {
  const results = await Promise.all(
    [{}, { seed: 2n }, { activeLayers: 1 }, { intervalSteps: 1 }, { state: 'Keep' as const }].map(
      async (changes) => trained({ selection: withLisa(changes), plan: { totalSteps: 12 } }),
    ),
  );
  const prints = results.map((bits) =>
    Buffer.concat([...bits].filter(([name]) => !name.includes('#')).map(([, b]) => b)).toString(
      'base64',
    ),
  );
  t.is(new Set(prints).size, results.length);
});

test('on adapters the matrices of the drawn blocks move', async (t) => {
  const adapter = lora({
    ...{ rank: 2, alpha: 4, dropout: 0, scaling: 'Standard', learningRateRatio: 1 },
    ...{ initialization: 'KaimingUniform', targets: () => true, seed: 5n, dtype: 'float32' },
  });
  using training = new Training({
    ...{
      config,
      batches,
      adapter,
      selection: scripted(
        [
          [2, 5],
          [2, 5],
        ],
        'Drop',
      ),
    },
    plan: { totalSteps: 2 },
  });
  const before = valuesOf(training);
  await train(training.parts, freshState);
  for (const [name, bytes] of valuesOf(training)) {
    const block = Number(/layers\.(\d+)/.exec(name)?.[1]);
    t.is(!bytes.equals(before.get(name)!), [2, 5].includes(block), name);
  }
});

test('it says which blocks are active and until when', (t) => {
  const model = aToyModel({ config });
  using parameters = model.parameters;
  const said = (changes: Partial<LisaSettings>, step: number) =>
    lisa({ ...settings, ...changes }, parameters).describe(step);
  t.regex(said({}, 4) ?? '', /^blocks \d and \d of 6, until step 6$/);
  t.regex(said({ activeLayers: 1 }, 0) ?? '', /^block \d of 6, until step 3$/);
  t.is(said({ activeLayers: 9 }, 0), 'all 6 blocks');
  t.is(all(parameters).describe(0), null);
});

test('weights that are not one for each block are refused with both numbers', (t) => {
  const model = aToyModel({ config });
  using parameters = model.parameters;
  t.throws(() => lisa({ ...settings, sampling: 'Weighted', weights: [1, 2] }, parameters), {
    message:
      'spec.method.selection.lisa.weights has 2 numbers, but the model has 6 blocks; each block needs one',
  });
});
