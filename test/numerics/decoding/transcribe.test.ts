// What is written of sounds token by token, against whole passes over what was written.
import test from 'ava';
import { transcribe } from '../../../worker/decoding/transcribe.ts';
import { BlockWalk } from '../../../worker/engine/block-walk.ts';
import { buildModel } from '../../../worker/engine/build-model.ts';
import type { Model } from '../../../worker/engine/model.ts';
import { toSequence } from '../../../worker/engine/packed-sequence.ts';
import { alone } from '../../../worker/engine/world.ts';
import { liveHandles } from '../../../worker/tensor/memory.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { toArray } from '../../../worker/tensor/tensor.ts';
import { soundSequence, whisperSource } from '../../toy/whisper.ts';

const before = [25, 3];
/** What the toy writes of each is another text. */
const toySounds = [0, 3, 4].map((seed) => ({ ids: before, seed }));
const none = -1;
const rules = { before, end: none, most: 9, world: alone };

function toy(): Model {
  const options = { dtype: 'float64', adapter: null, sequenceLength: 64 } as const;
  return buildModel(whisperSource(), options);
}

/** The most likely token behind each token of a text, by one pass without anything kept. */
function whole(model: Model, seed: number, ids: readonly number[]): readonly number[] {
  return scope(() => {
    const sequence = toSequence(model, soundSequence([{ ids, seed }]));
    using walk = new BlockWalk(model, [sequence], { head: true });
    const [x] = walk.finish();
    if (x === undefined) throw new Error('the sequence did not pass the blocks');
    const states = model.network.targetStates(model, x, sequence, {});
    return toArray(ops.argmax(model.network.logits(model, states), 1));
  });
}

test('each token is the most likely one behind those before it, whoever is beside', (t) => {
  const model = toy();
  using _parameters = model.parameters;
  const together = transcribe(model, soundSequence(toySounds), rules);
  t.is(new Set(together.map(String)).size, toySounds.length, 'sounds differ');
  for (const [n, { seed }] of toySounds.entries()) {
    const text = together[n] ?? [];
    t.is(text.length, rules.most - before.length);
    // Behind the last one nothing is asked, so it needs one more.
    t.deepEqual(whole(model, seed, [...before, ...text, 0]).slice(0, text.length), text);
    const [by = []] = transcribe(model, soundSequence([{ ids: before, seed }]), rules);
    t.deepEqual(by, text);
  }
});

test('a text ends with its end, and others go on', (t) => {
  const model = toy();
  using _parameters = model.parameters;
  const host = soundSequence(toySounds);
  const all = transcribe(model, host, rules);
  const end = all[0]?.[2] ?? none;
  const cut = (text: readonly number[]) => {
    const at = text.indexOf(end);
    return at < 0 ? text : text.slice(0, at);
  };
  t.deepEqual(transcribe(model, host, { ...rules, end }), all.map(cut));
});

test('nothing is left behind', (t) => {
  const model = toy();
  using _parameters = model.parameters;
  const host = soundSequence(toySounds);
  transcribe(model, host, rules);
  const living = liveHandles();
  transcribe(model, host, rules);
  t.is(liveHandles(), living);
});
