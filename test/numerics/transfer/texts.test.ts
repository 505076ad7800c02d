// Candidates are lines of a list, and texts that are decoded together end where they end by
// themselves.

import test from 'ava';
import fc from 'fast-check';
import { generate } from '../../../worker/decoding/generate.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { fromLine, listOf } from '../../../worker/transfer/candidates.ts';
import { decodeTexts } from '../../../worker/transfer/decode-texts.ts';
import { aToyModel, countUp } from '../../builders/toy-training.ts';

test.before(() => setThreads(1));

test('any prompt is one line of the list, and read from it as it was', (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const prompt = text.toWellFormed().replaceAll('\r', '').trim();
      const list = listOf([prompt, 'other']);
      t.is(list.split('\n').length, 3);
      t.true(list.endsWith('\nExample:'));
      t.is(fromLine(list.slice('Example:'.length)), prompt);
    }),
  );
});

test('what follows the first line is not of the prompt', (t) => {
  t.is(fromLine(' one two\nExample: three'), 'one two');
  t.is(fromLine('\nExample: three'), '');
});

const signal = new AbortController().signal;

test('a text ends with a token that ends it, or with its line, and is none otherwise', async (t) => {
  const model = aToyModel();
  using _parameters = model.parameters;
  const sampling = { temperature: 0, draw: () => 0, maxTokens: 6 };
  const prompts = [countUp(3, 5), countUp(4, 11)];
  const plain = prompts.map((prompt) => generate(model, prompt, { ...sampling, stop: new Set() }));
  // Each answer has a token that the other one does not have before it ends there.
  const [ends = 0] = plain[0]?.slice(2, 3) ?? [];
  const first = plain.map((ids) => ids.indexOf(ends));
  const questions = prompts.map((prompt) => ({ ...sampling, prompt, stop: new Set([ends]) }));
  const stopped = await decodeTexts(model, questions, { signal });
  t.deepEqual(
    stopped,
    plain.map((ids, i) => ((first[i] ?? -1) < 0 ? null : ids.slice(0, first[i]))),
  );
  t.true(stopped[0] !== null);
  const never = questions.map((question) => ({ ...question, stop: new Set<number>() }));
  t.deepEqual(await decodeTexts(model, never, { signal }), [null, null]);
  // The same token as the end of a line: it belongs to the text.
  const lineEndIn = (id: number) => Uint8Array.from(id === ends ? [97, 10] : [97]);
  t.deepEqual(
    await decodeTexts(model, never, { signal, lineEndIn }),
    plain.map((ids, i) => ((first[i] ?? -1) < 0 ? null : ids.slice(0, (first[i] ?? 0) + 1))),
  );
});

test('it stops when it is told to', async (t) => {
  const model = aToyModel();
  using _parameters = model.parameters;
  const question = { prompt: countUp(3, 5), maxTokens: 50, temperature: 0, draw: () => 0 };
  const stopped = AbortSignal.abort();
  await t.throwsAsync(decodeTexts(model, [{ ...question, stop: new Set() }], { signal: stopped }), {
    name: 'AbortError',
  });
});
