// Sequences on their way through the blocks: what observers see, and that seeing changes nothing.
import test from 'ava';
import { BlockWalk } from '../../../worker/engine/block-walk.ts';
import { toSequence } from '../../../worker/engine/packed-sequence.ts';
import { liveHandles } from '../../../worker/tensor/memory.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { toArray } from '../../../worker/tensor/tensor.ts';
import { aToyModel, countUp } from '../../builders/toy-training.ts';
import { aSequence } from '../../builders/training.ts';

const hosts = [aSequence([countUp(0, 9), countUp(20, 5)]), aSequence([countUp(11, 12)])];

function walked<T>(body: (walk: BlockWalk) => T, end = {}): T {
  const model = aToyModel({ dtype: 'float64' });
  using _parameters = model.parameters;
  return scope(() => {
    const sequences = hosts.map((host) => toSequence(model, host));
    const before = liveHandles();
    const result = (() => {
      using walk = new BlockWalk(model, sequences, end);
      return body(walk);
    })();
    // Whatever a walk makes ends with it.
    if (liveHandles() !== before) throw new Error('tensors were left behind');
    return result;
  });
}

const valuesOf = (walk: BlockWalk) => walk.streams.map((stream) => toArray(stream));

test('sequences that pass together pass as each does alone, and looking moves nothing', (t) => {
  const together = walked((walk) => {
    walk.finish();
    return valuesOf(walk);
  });
  const looked = walked((walk) => {
    while (!walk.isOver) {
      const before = valuesOf(walk);
      walk.look({ input() {} });
      t.deepEqual(valuesOf(walk), before);
      walk.advance();
    }
    return valuesOf(walk);
  });
  t.deepEqual(looked, together);
});

test('each linear layer shows its input once a sequence, those of one input the same tensor', (t) => {
  const seen: string[] = [];
  const shared = new Map<string, unknown>();
  walked((walk) => {
    walk.advance({
      input(path, x, a) {
        seen.push(`${path.slice('model.layers.0.'.length)} ${a}`);
        shared.set(`${path} ${a}`, x);
        if (path.endsWith('q_proj')) t.is(x.shape[0], hosts[a]!.ids.length);
      },
    });
  });
  const names = ['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj', 'self_attn.o_proj'];
  const mlp = ['mlp.gate_proj', 'mlp.up_proj', 'mlp.down_proj'];
  const all = [0, 1].flatMap((a) => [...names, ...mlp].map((name) => `${name} ${a}`));
  t.deepEqual(seen, all);
  const at = (name: string) => shared.get(`model.layers.0.${name} 1`);
  t.is(at('self_attn.q_proj'), at('self_attn.v_proj'));
  t.is(at('mlp.gate_proj'), at('mlp.up_proj'));
  t.not(at('self_attn.o_proj'), at('mlp.down_proj'));
});

test('a walk of some blocks ends after them, where another goes on', (t) => {
  const halfway = walked(
    (walk) => {
      walk.finish();
      t.is(walk.layer, 1);
      t.true(walk.isOver);
      return valuesOf(walk);
    },
    { blocks: 1 },
  );
  walked((walk) => {
    walk.advance();
    t.deepEqual(valuesOf(walk), halfway);
    t.false(walk.isOver);
  });
});

test('a block that is changed between looking and passing passes as it is then', (t) => {
  const model = aToyModel({ dtype: 'float64' });
  using parameters = model.parameters;
  scope(() => {
    const sequences = hosts.map((host) => toSequence(model, host));
    using walk = new BlockWalk(model, sequences);
    const before = valuesOf(walk);
    walk.look({});
    for (const { value, layer } of parameters.all()) if (layer === 0) ops.zero_(value);
    walk.advance();
    t.deepEqual(valuesOf(walk), before);
  });
});
