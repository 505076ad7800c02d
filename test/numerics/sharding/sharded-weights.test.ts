// What is whole when: a world of one rank, in this process, holds its share of everything and
// gathers it as any other world does.
import { randomUUID } from 'node:crypto';
import test from 'ava';
import { freePort } from '../../../cli/client/free-port.ts';
import type { Parameter } from '../../../worker/engine/parameters.ts';
import { ProcessGroup } from '../../../worker/sharding/process-group.ts';
import { ShardedWeights } from '../../../worker/sharding/sharded-weights.ts';
import type { DType } from '../../../worker/tensor/dtype.ts';
import { liveHandles, memoryStatistics } from '../../../worker/tensor/memory.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { keep, scope } from '../../../worker/tensor/scope.ts';
import { tensor, toArray } from '../../../worker/tensor/tensor.ts';

async function onlyRank(): Promise<ProcessGroup> {
  const store = { host: '127.0.0.1', port: await freePort() };
  const layer = { rank: 0, size: 1, store, address: '127.0.0.1', timeoutMs: 60_000 };
  return ProcessGroup.join({ name: randomUUID(), ...layer });
}

const count = 2 ** 18;
const bytes = 4 * count;

function aParameter(layer: Parameter['layer'], more: Partial<Parameter> = {}): Parameter {
  const value = keep(ops.full([512, count / 512], 1, { dtype: 'float32' }));
  const rest = { role: 'frozen' as const, learningRateFactor: 1, decayed: true };
  return { name: `${layer}.weight`, layer, value, shape: value.shape, ...rest, ...more };
}

const places = {
  ...{ order: ['embedding', 0, 1, 2, 3, 'head'], inlet: 'embedding', outlet: 'head' },
  isTied: true,
};

function weightsOf(group: ProcessGroup, dtype: DType = 'float32') {
  return new ShardedWeights({ group, layout: 'slice', places, dtype, now: () => 0 });
}

const held = () => memoryStatistics().tensorBytes;

test('two blocks are whole at most, and the vocabulary only while it is used', async (t) => {
  using group = await onlyRank();
  const handles = liveHandles();
  {
    using weights = weightsOf(group);
    const layers = ['embedding', 0, 1, 2, 3, 'head'] as const;
    for (const layer of layers) weights.shard([aParameter(layer)]);
    const shares = held();
    const whole = () => Math.round((held() - shares) / bytes);
    t.is(whole(), 0);
    weights.take('embedding');
    weights.prefetch(0);
    t.is(whole(), 2);
    weights.release('embedding');
    t.is(whole(), 1);
    for (const layer of [0, 1, 2, 3]) {
      weights.take(layer);
      if (layer < 3) weights.prefetch(layer + 1);
      t.is(whole(), 2);
      weights.release(layer);
    }
    // A tied head computes with the embedding.
    weights.take('head');
    t.is(whole(), 4);
    weights.release('head');
    t.is(whole(), 2, 'the last two blocks stay for the backward');
    for (const layer of [3, 2, 1, 0]) {
      weights.take(layer);
      t.true(whole() <= 2);
      weights.release(layer);
    }
  }
  t.is(liveHandles(), handles);
});

test('what has moved is gathered again, what is frozen is not', async (t) => {
  using group = await onlyRank();
  using weights = weightsOf(group);
  const [frozen, trained] = weights.shard([
    aParameter(0, { name: 'frozen' }),
    aParameter(0, { name: 'trained', role: 'trained' }),
  ]);
  weights.take(0);
  weights.release(0);
  const [shard] = weights.shardsOf('trained');
  t.deepEqual(
    weights.shardsOf('trained').map(({ parameter }) => parameter.name),
    ['trained'],
  );
  scope(() => ops.fill_(shard!.parameter.value, 7));
  t.is(toArray(trained!.value)[0], 1);
  const before = held();
  weights.dropTrained();
  t.is(held(), before - bytes);
  weights.take(0);
  t.is(toArray(trained!.value).at(-1), 7);
  t.is(toArray(frozen!.value).at(-1), 1);
  t.is(weights.flatParameterOf(trained!).role, 'trained');
});

test('a trained tensor in the bfloat16 of its file becomes what the model computes in', async (t) => {
  using group = await onlyRank();
  using weights = weightsOf(group, 'float32');
  const stored = keep(tensor([0.5, -1.25, 3], [3], 'bfloat16'));
  const [value] = weights.shard([aParameter(0, { value: stored, role: 'trained' })]);
  weights.take(0);
  t.is(value?.value.dtype, 'float32');
  t.deepEqual(toArray(value!.value), [0.5, -1.25, 3]);
  t.is(weights.shardsOf('trained')[0]?.parameter.value.dtype, 'float32');
});
