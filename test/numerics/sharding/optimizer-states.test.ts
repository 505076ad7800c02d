// The life of optimizer state: made for the places of the ages, anew where an age is 0, freed for
// the others.
import test from 'ava';
import { adamW } from '../../../worker/methods/optimizers/adamw.ts';
import { OptimizerStates } from '../../../worker/sharding/optimizer-states.ts';
import { wholeShards } from '../../../worker/sharding/shards.ts';
import { liveHandles } from '../../../worker/tensor/memory.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { toArray } from '../../../worker/tensor/tensor.ts';
import { aToyModel, plainAdamW } from '../../builders/toy-training.ts';

const name = 'model.layers.1.mlp.down_proj.weight';

test('state lives for the places that have an age, and a state of age 0 is a new one', (t) => {
  const model = aToyModel();
  using parameters = model.parameters;
  const before = liveHandles();
  {
    using states = new OptimizerStates(wholeShards(parameters, 'trained'), adamW(plainAdamW));
    states.follow({ 1: 0, head: 0 });
    const layers = [...states.byName.keys()].map((each) => String(parameters.get(each).layer));
    t.deepEqual([...new Set(layers)].sort(), ['1', 'head']);
    const first = states.byName.get(name)!;
    ops.fill_(first['exp_avg']!, 3);
    states.follow({ 1: 5, 2: 0 });
    t.is(states.byName.get(name), first, 'what stays is left as it is');
    t.is(toArray(first['exp_avg']!)[0], 3);
    t.false([...states.byName.keys()].includes('model.norm.weight'));
    const live = liveHandles();
    states.follow({ 1: 0, 2: 0 });
    t.is(toArray(states.byName.get(name)!['exp_avg']!)[0], 0);
    t.is(liveHandles(), live, 'what is replaced is freed');
  }
  t.is(liveHandles(), before, 'the end frees all');
});

test('a bfloat16 weight that begins to move gets its master from the value that it has now', (t) => {
  const model = aToyModel({ dtype: 'bfloat16' });
  using parameters = model.parameters;
  using states = new OptimizerStates(wholeShards(parameters, 'trained'), adamW(plainAdamW));
  states.follow({ 0: 0 });
  ops.fill_(parameters.value(name), 0.5);
  states.follow({ 0: 1, 1: 0 });
  t.true(toArray(states.byName.get(name)!['master']!).every((value) => value === 0.5));
});
