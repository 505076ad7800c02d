import test from 'ava';
import type { ServedQuestion } from '../../../crds/serve/messages.ts';
import { Sequence } from '../../../worker/decoding/sequence.ts';
import { AnswerOut } from '../../../worker/serve/answer-out.ts';

const letters = 'abcdefghij';
const bytesOf = (id: number): Uint8Array => Buffer.from(letters[id] ?? '<end>');
const end = 99;

function anAnswer(more: Partial<ServedQuestion> = {}) {
  const prompt = [0, 1, 2];
  const asked: ServedQuestion = {
    ...{ model: 'm', prompt: { type: 'Text', text: 'abc' }, maxTokens: 4 },
    ...{ temperature: 0, topP: 1, seed: 1, stop: [], ...more },
  };
  const { logprobs: top, maxTokens = 0, echo: ofPrompt = false } = asked;
  const sequence = new Sequence({
    ...{ prompt, maxTokens, temperature: 0, draw: () => 0, stop: new Set([end]) },
    ...(top === undefined ? {} : { logprobs: { top, ofPrompt } }),
  });
  const out = new AnswerOut(asked, prompt, { bytesOf });
  const score = (id: number) => ({ id, logprob: -id, top: [] });
  if (top !== undefined && ofPrompt) sequence.addLogprobs([score(1), score(2)]);
  const step = (id: number) => {
    if (top !== undefined && maxTokens > 0) sequence.addLogprobs([score(id)]);
    sequence.add(id);
    const { text, tokens } = out.news(sequence);
    return [text, tokens?.map(({ bytes, at, logprob }) => [bytes, at, logprob])];
  };
  return { out, step };
}

test('a prompt that is repeated comes before the text, once, with what is known of it', (t) => {
  const { step } = anAnswer({ echo: true, logprobs: 1 });
  t.deepEqual(step(3), [
    'abcd',
    [
      ['a', 0, null],
      ['b', 1, -1],
      ['c', 2, -2],
      ['d', 3, -3],
    ],
  ]);
  t.deepEqual(step(4), ['e', [['e', 4, -4]]]);
  t.deepEqual(anAnswer({ echo: true }).step(3), ['abcd', undefined]);
});

test('no token but those of the prompt, where none is to be made', (t) => {
  const { step } = anAnswer({ echo: true, logprobs: 0, maxTokens: 0 });
  const [text, tokens] = step(3);
  t.is(text, 'abc');
  t.is(tokens?.length, 3);
});

test('a token that ends the text is told of a completion and not of a chat', (t) => {
  t.deepEqual(anAnswer({ logprobs: 0 }).step(end), ['', [['<end>', 0, -end]]]);
  const prompt: ServedQuestion['prompt'] = { type: 'Chat', messages: [] };
  t.deepEqual(anAnswer({ logprobs: 0, prompt }).step(end), ['', undefined]);
});

test('tokens of what a stop string cuts off are not told', (t) => {
  const { out, step } = anAnswer({ logprobs: 0, stop: ['ef'] });
  t.deepEqual(step(3), ['d', [['d', 0, -3]]]);
  t.deepEqual(step(4), ['', undefined], 'it may be the beginning of the stop string');
  t.deepEqual(step(5), ['', undefined]);
  t.true(out.isOver);
});
