// Adapters of mixed ranks on one base in one batch.
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Decoder } from '../../../worker/decoding/decoder.ts';
import { PagedCache, pageTokens } from '../../../worker/decoding/paged-cache.ts';
import { type Question, Sequence } from '../../../worker/decoding/sequence.ts';
import { stepLogits } from '../../../worker/decoding/step-logits.ts';
import { linearLayers } from '../../../worker/engine/adapted-layers.ts';
import type { Model } from '../../../worker/engine/model.ts';
import {
  adapterTap,
  loadAdapter,
  type ServedAdapter,
} from '../../../worker/serve/served-adapter.ts';
import type { DType } from '../../../worker/tensor/dtype.ts';
import { liveHandles } from '../../../worker/tensor/memory.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { toArray } from '../../../worker/tensor/tensor.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { writePeftFolder } from '../../builders/peft-folder.ts';
import { aToyModel, countUp } from '../../builders/toy-training.ts';
import { temporaryFolder } from '../../doubles/sources.ts';
import { rounding, shortfalls } from '../decoding/whole-text.ts';

test.before(() => setThreads(1));

const digest = `sha256:${'a'.repeat(64)}`;
const steps = 3;

async function aServing(t: ExecutionContext, dtype: DType = 'float32') {
  const folder = await temporaryFolder();
  const model = aToyModel({ dtype });
  t.teardown(async () => {
    model.parameters[Symbol.dispose]();
    await folder[Symbol.asyncDispose]();
  });
  const base = { model, digest, acceptsUnnamed: false };
  const write = (name: string, rank: number, more = {}) =>
    writePeftFolder(join(folder.path, name), model, {
      rank,
      baseDigest: digest,
      seed: rank,
      ...more,
    });
  const load = async (name: string): Promise<ServedAdapter> => {
    const adapter = await loadAdapter(name, join(folder.path, name), base);
    t.teardown(() => adapter[Symbol.dispose]());
    return adapter;
  };
  return { model, base, write, load };
}

function aQuestion(length: number, change?: ServedAdapter): Question {
  const sampling = { temperature: 0, stop: new Set<number>(), draw: () => 0 };
  return { ...sampling, prompt: countUp(length, length), maxTokens: 9, ...(change && { change }) };
}

/** Logits of some steps, by question and step; the tokens between them are given. */
function logitsOf(model: Model, questions: readonly Question[]): readonly (readonly number[])[][] {
  using cache = new PagedCache(model, 40);
  const sequences = questions.map((question) => new Sequence(question));
  const found: (readonly number[])[][] = questions.map(() => []);
  for (let step = 0; step < steps; step += 1) {
    for (const one of sequences) cache.clear(one.extend(cache.pages, pageTokens));
    const size = model.config.V;
    const all = scope(() => toArray(stepLogits(model, cache, sequences, adapterTap)), model.device);
    for (const [i, sequence] of sequences.entries()) {
      found[i]?.push(all.slice(i * size, (i + 1) * size));
      sequence.add(5 + step);
    }
  }
  return found;
}

function farthest(a: readonly (readonly number[])[], b: readonly (readonly number[])[]): number {
  const one = a.flat();
  const other = b.flat();
  return Math.max(...one.map((x, i) => Math.abs(x - (other[i] ?? Number.NaN))));
}

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
