import test from 'ava';
import { createTokenizer } from '../../../worker/data/tokenizer.ts';
import {
  createEncoder,
  type EncodingRules,
  type Overlength,
} from '../../../worker/prepare/encode-sample.ts';
import { chatTemplates } from '../../builders/chat-templates.ts';
import { goldenTokenizer } from '../../builders/tokenizers.ts';

const { definition, tokenizer } = goldenTokenizer('smollm');
const template = { source: chatTemplates.chatml.source, date: new Date(0) };

function rules(more: Partial<EncodingRules> = {}): EncodingRules {
  return { tokenizer: definition, template, sequenceLength: 1000, overlength: undefined, ...more };
}

const encode = createEncoder(rules());

/** Text of the target tokens, of each document. */
function targetText(result: ReturnType<typeof encode>): string[] {
  if ('skipped' in result) throw new Error(result.detail);
  return result.documents.map(({ ids, marks }) =>
    tokenizer.decode(ids.filter((_, index) => marks[index] === 1)),
  );
}

test('Text is learned as a whole, with its end', (t) => {
  t.deepEqual(targetText(encode({ type: 'Text', text: 'Hello there' })), ['Hello there<|im_end|>']);
});

test('Of a prompt and its completion the completion is learned, with its end', (t) => {
  const sample = { type: 'PromptCompletion', prompt: '1 + 1 = ', completion: '2' } as const;
  t.deepEqual(targetText(encode(sample)), ['2<|im_end|>']);
});

test('A begin token stands where the tokenizer asks for one, and is not learned', (t) => {
  const llama = goldenTokenizer('llama-3');
  const begins = createEncoder(rules({ tokenizer: llama.definition }));
  const result = begins({ type: 'Text', text: 'a' });
  t.true('documents' in result);
  const [document] = 'documents' in result ? result.documents : [];
  t.is(document?.ids[0], llama.tokenizer.bos);
  t.is(document?.ids.at(-1), llama.tokenizer.eos);
  t.deepEqual(document?.marks, Uint8Array.of(0, 1, 1));
});

test('The turns of a conversation that is too long are not told apart', (t) => {
  // Whoever renders all of it in capitals leaves no turn to be found.
  const source = '{% for m in messages %}{{ m.content | upper }} {% endfor %}';
  const shouting = { template: { source, date: new Date(0) } };
  const messages = [
    { role: 'user', content: 'Hi', isTarget: true },
    { role: 'assistant', content: 'Hello there, and more', isTarget: true },
  ] as const;
  const whole = createEncoder(rules(shouting))({ type: 'Chat', messages });
  t.is('skipped' in whole ? whole.skipped : '', 'Invalid');
  const long = createEncoder(rules({ ...shouting, sequenceLength: 3 }))({ type: 'Chat', messages });
  t.is('skipped' in long ? long.skipped : '', 'TooLong');
});

test('A conversation gets no tokens but those of its template', (t) => {
  const messages = [
    { role: 'user', content: 'Hi', isTarget: true },
    { role: 'assistant', content: 'Hello', isTarget: true },
  ] as const;
  const result = encode({ type: 'Chat', messages });
  t.deepEqual(targetText(result), ['Hello<|im_end|>']);
  const [document] = 'documents' in result ? result.documents : [];
  t.is(
    tokenizer.decode(document?.ids ?? []),
    '<|im_start|>system\nYou are helpful.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello<|im_end|>\n',
  );
});

test('Segments are exactly their text, learned where they say so', (t) => {
  const segments = [
    { text: '<|im_start|>a', isTarget: false },
    { text: ' bc', isTarget: true },
    { text: '', isTarget: true },
    { text: ' d', isTarget: false },
  ];
  const result = encode({ type: 'Segments', segments });
  t.deepEqual(targetText(result), [' bc']);
  const [document] = 'documents' in result ? result.documents : [];
  t.is(tokenizer.decode(document?.ids ?? []), '<|im_start|>a bc d');
});

test('Tokens are taken as they are', (t) => {
  const result = encode({ type: 'Tokenized', tokens: [5, 6, 7], targets: [true, false, true] });
  t.deepEqual(result, {
    documents: [{ ids: [5, 6, 7], marks: Uint8Array.of(1, 0, 1) }],
    lost: 0,
  });
  t.deepEqual(encode({ type: 'Tokenized', tokens: [5, 100_000] }), {
    skipped: 'Invalid',
    detail: `has the token 100000; the vocabulary has ${tokenizer.vocabularySize}`,
  });
});

const nothing = test.macro({
  title: (given = '') => given,
  exec(t, sample: Parameters<typeof encode>[0]) {
    const result = encode(sample);
    t.is('skipped' in result ? result.skipped : 'kept', 'NoTargets');
  },
});
test('No messages', nothing, { type: 'Chat', messages: [] });
test('Nobody but the user', nothing, {
  type: 'Chat',
  messages: [{ role: 'user', content: 'a', isTarget: true }],
});
test('Only a first token, which nothing predicts', nothing, {
  type: 'Tokenized',
  tokens: [5, 6],
  targets: [true, false],
});
test('No tokens', nothing, { type: 'Tokenized', tokens: [] });
test('An empty text, which is its end alone', nothing, { type: 'Text', text: '' });

test('A conversation that the template refuses is invalid, with the reason', (t) => {
  const gemma = createEncoder(
    rules({ template: { ...template, source: chatTemplates.gemma.source } }),
  );
  const messages = [
    { role: 'system', content: 'a', isTarget: true },
    { role: 'assistant', content: 'b', isTarget: true },
  ] as const;
  t.deepEqual(gemma({ type: 'Chat', messages }), {
    skipped: 'Invalid',
    detail: 'is refused by the chat template: System role not supported',
  });
});

test('What is too long is split when it is text, and skipped when it is not', (t) => {
  const short = createEncoder(rules({ sequenceLength: 4 }));
  const tokens = [10, 11, 12, 13, 14, 15, 16, 17, 18];
  t.deepEqual(short({ type: 'Tokenized', tokens }), {
    skipped: 'TooLong',
    detail: 'has more than 4 tokens; spec.dataset.sequenceLength is 4',
  });
  const strict = createEncoder(rules({ sequenceLength: 4, overlength: 'Fail' }));
  t.deepEqual(strict({ type: 'Tokenized', tokens }), {
    skipped: 'TooLong',
    detail: 'has 9 tokens; spec.dataset.sequenceLength is 4',
  });
  const text = tokenizer.decode(tokens);
  const whole = encode({ type: 'Text', text });
  const parts = short({ type: 'Text', text });
  if (!('documents' in whole && 'documents' in parts)) return t.fail();
  const ids = whole.documents[0]?.ids ?? [];
  t.deepEqual(
    parts.documents.map((part) => part.ids),
    [ids.slice(0, 4), ids.slice(4, 8), ids.slice(8, 12)].filter((part) => part.length > 1),
  );
  t.is(parts.lost, ids.length % 4 === 1 ? 1 : 0);
});

const cuts = test.macro({
  title: (_, overlength: Overlength, expected: unknown) =>
    `${overlength}: ${JSON.stringify(expected)}`,
  exec(t, overlength: Overlength, expected: unknown) {
    const tokens = [10, 11, 12, 13, 14, 15, 16, 17, 18];
    const targets = tokens.map((token) => token === 12 || token === 17);
    const result = createEncoder(rules({ sequenceLength: 4, overlength }))({
      type: 'Tokenized',
      tokens,
      targets,
    });
    const shown =
      'skipped' in result
        ? result.skipped
        : { ids: result.documents.map(({ ids }) => ids), lost: result.lost };
    t.deepEqual(shown, expected as typeof shown);
  },
});
test(cuts, 'Split', {
  ids: [
    [10, 11, 12, 13],
    [14, 15, 16, 17],
  ],
  lost: 1,
});
test(cuts, 'Truncate', { ids: [[10, 11, 12, 13]], lost: 5 });
test(cuts, 'Skip', 'TooLong');
test(cuts, 'Fail', 'TooLong');

test('What is cut so that nothing to learn is left is skipped as such', (t) => {
  const short = createEncoder(rules({ sequenceLength: 2, overlength: 'Truncate' }));
  const result = short({ type: 'Tokenized', tokens: [1, 2, 3], targets: [true, false, true] });
  t.deepEqual(result, { skipped: 'NoTargets', detail: 'has no target tokens in 2 tokens' });
});

test('The tokenizer of an encoder can be given, and is then not made again', (t) => {
  let asked = 0;
  const counting = {
    ...createTokenizer(definition),
    pieces: (text: string) => {
      asked += 1;
      return tokenizer.pieces(text);
    },
  };
  createEncoder(rules(), counting)({ type: 'Text', text: 'a b' });
  t.is(asked, 1);
});
