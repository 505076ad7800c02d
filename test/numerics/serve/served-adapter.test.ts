// Adapters of mixed ranks on one base in one batch.
import test from 'ava';
import { Decoder } from '../../../worker/decoding/decoder.ts';
import { linearLayers } from '../../../worker/engine/adapted-layers.ts';
import {
  adapterTap,
  loadAdapter,
  type ServedAdapter,
} from '../../../worker/serve/served-adapter.ts';
import { liveHandles } from '../../../worker/tensor/memory.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { aToyModel } from '../../builders/toy-training.ts';
import { rounding, shortfalls } from '../decoding/whole-text.ts';
import { aQuestion, aServing, digest, farthest, logitsOf } from './toy-serving.ts';

test.before(() => setThreads(1));

// Rounding of bfloat16 is 2^16 times that of float32; a toy of four layers has a hundred of them
// behind each other, which partly cancel: a tenth of the sum of all.
for (const [dtype, bound] of [
  ['float32', rounding],
  ['bfloat16', 0.1 * 100 * 2 ** -8],
] as const) {
  test.serial(
    `${dtype}: eight requests with ranks 4 to 64 get the logits that each gets alone`,
    async (t) => {
      const { model, write, load } = await aServing(t, dtype);
      const ranks = [4, 8, 16, 64];
      await write('uneven', 8, { ranks: { q_proj: 2, down_proj: 5 }, alpha: 3 });
      for (const rank of ranks) await write(`r${rank}`, rank);
      const adapters = await Promise.all([...ranks.map((rank) => `r${rank}`), 'uneven'].map(load));
      const [a, b, c, d, e] = adapters;
      const users = [a, undefined, b, c, d, e, a, undefined];
      const questions = users.map((adapter, i) => aQuestion(3 + 2 * i, adapter));
      const together = logitsOf(model, questions);
      for (const [i, question] of questions.entries()) {
        const [alone = []] = logitsOf(model, [question]);
        const gap = farthest(together[i] ?? [], alone);
        t.true(gap <= bound, `request ${i}: ${gap}`);
      }
      const [, plain = []] = together;
      const [same = []] = logitsOf(model, [aQuestion(5, a)]);
      t.true(farthest(plain, same) > 10 * bound, 'an adapter changes the logits');
    },
  );
}

test.serial('text by an adapter is that of the model that it was merged into', async (t) => {
  const { model, write, load } = await aServing(t);
  const folder = await write('merged', 8, { ranks: { v_proj: 3 }, alpha: 16 });
  const adapter = await load('merged');
  using decoder = new Decoder(model, { pages: 20, tapOf: adapterTap });
  const sequences = [3, 9, 20].map((length) => decoder.start(aQuestion(length, adapter)));
  while (decoder.live.length > 0) decoder.step();
  const merged = aToyModel();
  t.teardown(() => merged.parameters[Symbol.dispose]());
  scope(() => {
    for (const layer of linearLayers(merged.config)) {
      ops.add_(merged.parameters.value(`${layer.path}.weight`), folder.changeOf(layer));
    }
  });
  for (const { question, made } of sequences) {
    const gaps = shortfalls(merged, question.prompt, made);
    t.true(Math.max(...gaps) <= rounding, `${gaps}`);
    const base = shortfalls(model, question.prompt, made);
    t.true(Math.max(...base) > 100 * rounding, 'the base says something else');
  }
});

test.serial('an adapter that was unloaded and loaded again gives the same bits', async (t) => {
  const { model, base, write, load } = await aServing(t);
  const { folder } = await write('again', 8);
  const first = logitsOf(model, [aQuestion(7, await load('again'))]);
  const before = liveHandles();
  {
    using _unloaded = await loadAdapter('again', folder, base);
  }
  t.is(liveHandles(), before);
  t.deepEqual(logitsOf(model, [aQuestion(7, await load('again'))]), first);
});

test.serial('another adapter changes no bit of a request beside it, even one of NaN', async (t) => {
  const { model, write, load } = await aServing(t);
  await write('mine', 8);
  await write('other', 4);
  await write('broken', 4, { size: Number.NaN });
  const [mine, other, broken] = await Promise.all(['mine', 'other', 'broken'].map(load));
  const beside = (neighbour: ServedAdapter | undefined) =>
    logitsOf(model, [aQuestion(5), aQuestion(9, neighbour), aQuestion(6, mine)]);
  const [plain, , good] = beside(other);
  const [samePlain, bad, sameGood] = beside(broken);
  t.true(bad?.flat().every(Number.isNaN));
  t.deepEqual(samePlain, plain);
  t.deepEqual(sameGood, good);
});

test.serial('pages that held NaN serve the next request as new ones', async (t) => {
  const { model, write, load } = await aServing(t);
  await write('broken', 4, { size: Number.NaN });
  using decoder = new Decoder(model, { pages: 2, tapOf: adapterTap });
  const bad = decoder.start(aQuestion(20, await load('broken')));
  decoder.step();
  t.is(bad.end, 'NotFinite');
  const next = decoder.start(aQuestion(5));
  while (decoder.live.length > 0) decoder.step();
  t.true(Math.max(...shortfalls(model, next.question.prompt, next.made)) <= rounding);
});

test.serial(
  'an adapter of another base, of none that it names, or of another form is refused',
  async (t) => {
    const { model, base, write } = await aServing(t);
    const refusal = async (name: string, more: object, anyBase = false) => {
      const { folder } = await write(name, 4, more);
      const asked = { ...base, acceptsUnnamed: anyBase };
      const error = await t.throwsAsync(async () =>
        (await loadAdapter(name, folder, asked))[Symbol.dispose](),
      );
      return error?.message ?? '';
    };
    const other = `sha256:${'b'.repeat(64)}`;
    t.regex(
      await refusal('other', { baseDigest: other }, true),
      new RegExp(
        `adapter other .* trained on the base ${other}; the base that is served is ${digest}`,
      ),
    );
    t.regex(
      await refusal('unnamed', { baseDigest: '' }),
      /does not say which base it was trained on/,
    );
    t.regex(await refusal('dora', { config: { use_dora: true } }), /use_dora is true, and DoRA/);
    const kasa = { kasa_config: { beta: 1e-4, gamma: 1e-3 } };
    t.regex(await refusal('kasa', { config: kasa }), /kasa_config is set, and KaSA takes/);
    t.regex(await refusal('ia3', { config: { peft_type: 'IA3' } }), /peft_type is not LORA/);
    t.regex(await refusal('rank', { config: { r: 5 } }), /has the shape \[4, .*ask for \[5, /);
    const { folder } = await write('free', 4, { baseDigest: '' });
    using accepted = await loadAdapter('free', folder, { ...base, acceptsUnnamed: true });
    t.true(accepted.bytes > 0);
    const wide = aToyModel({ config: { intermediate_size: 8 } });
    t.teardown(() => wide.parameters[Symbol.dispose]());
    await t.throwsAsync(
      loadAdapter('free', folder, { ...base, model: wide, acceptsUnnamed: true }),
      {
        message: /ask for/,
      },
    );
    t.truthy(model);
  },
);
