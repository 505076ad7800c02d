import test from 'ava';
import { echoedPrompt, MadeTokens, servedToken } from '../../../worker/serve/echo.ts';

/** Token n spells the n-th. */
function spelling(...spelled: readonly (string | readonly number[])[]) {
  const bytes = spelled.map((one) => Buffer.from(one as string));
  return (id: number): Uint8Array => bytes[id] ?? new Uint8Array();
}

test('places of tokens are counted in code points, also within a character', (t) => {
  const [first, second] = [Buffer.from('🦊').subarray(0, 3), Buffer.from('🦊').subarray(3)];
  const bytesOf = spelling('é', [...first], [...second], 'z');
  t.deepEqual(echoedPrompt([0, 1, 2, 3], bytesOf), { text: 'é🦊z', at: [0, 1, 1, 2] });
  // Tokens that end within a character.
  t.deepEqual(echoedPrompt([0, 1], bytesOf), { text: 'é�', at: [0, 1] });
});

test('what was put before a text for the model is not repeated', (t) => {
  const bytesOf = spelling('<s>', ' one', ' two');
  const echo = { text: 'one two', at: [0, 0, 3] };
  t.deepEqual(echoedPrompt([0, 1, 2], bytesOf, 'one two'), echo);
  t.deepEqual(echoedPrompt([0, 1, 2], bytesOf).text, '<s> one two');
  t.is(echoedPrompt([0, 1, 2], bytesOf, 'ONE two').text, '<s> one two', 'a text made plain');
});

test('a token has its bytes, and the first of a prompt no probability', (t) => {
  const bytesOf = spelling('é', [0xff]);
  const score = { id: 1, logprob: -2, top: [{ id: 0, logprob: -1 }] };
  t.deepEqual(servedToken(1, 4, score, bytesOf), {
    ...{ bytes: '\u00ff', at: 4, logprob: -2 },
    top: [{ bytes: '\u00c3\u00a9', logprob: -1 }],
  });
  t.deepEqual(servedToken(0, 0, undefined, bytesOf), {
    ...{ bytes: '\u00c3\u00a9', at: 0, logprob: null, top: [] },
  });
});

test('tokens that were made are told with the text that they begin in', (t) => {
  const tokens = new MadeTokens(spelling('ab', 'c', ''), 5);
  const add = (id: number) => tokens.add({ id, logprob: -1, top: [] });
  const told = (some: readonly { readonly at: number }[]) => some.map(({ at }) => at);
  add(0);
  t.deepEqual(told(tokens.say('')), [], 'the text is held back');
  add(1);
  t.deepEqual(told(tokens.say('ab')), [5]);
  add(2);
  t.deepEqual(told(tokens.say('c')), [7]);
  t.deepEqual(told(tokens.rest()), [8], 'one without a text');
  t.deepEqual(told(tokens.rest()), []);
});
