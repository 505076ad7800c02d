import test from 'ava';
import { recordKeys, shapes, toSample } from '../../../worker/data/formats.ts';
import type { Sample } from '../../../worker/data/sample.ts';
import { UnusableRecord } from '../../../worker/files/unusable-record.ts';

function shapeOf(name: string) {
  const shape = shapes.find((each) => each.name === name);
  if (shape === undefined) throw new Error(`no shape ${name}`);
  return shape;
}

const becomes = test.macro({
  title: (given = '') => given,
  exec(t, name: string, record: unknown, sample: Sample, hasTemplate: boolean = true) {
    t.deepEqual(toSample(shapeOf(name), record, hasTemplate), sample);
  },
});

const said = (role: 'system' | 'user' | 'assistant', content: string, isTarget = true) => ({
  role,
  content,
  isTarget,
});

test(
  'messages become a conversation',
  becomes,
  'messages',
  {
    messages: [
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: 'Hello' },
    ],
    tools: '[{"a": 1}]',
  },
  { type: 'Chat', messages: [said('user', 'Hi'), said('assistant', 'Hello')], tools: [{ a: 1 }] },
);
test(
  'sharegpt turns become a conversation, its system text in front',
  becomes,
  'sharegpt',
  {
    system: 'Be kind.',
    conversations: [
      { from: 'human', value: 'Hi' },
      { from: 'gpt', value: 'Hello' },
    ],
  },
  {
    type: 'Chat',
    messages: [said('system', 'Be kind.'), said('user', 'Hi'), said('assistant', 'Hello')],
  },
);
const alpaca = {
  instruction: 'Add.',
  input: '1, 2',
  output: '3',
  system: 'Count.',
  history: [['Hi', 'Hello']],
};
test('alpaca with a template becomes a conversation with its history', becomes, 'alpaca', alpaca, {
  type: 'Chat',
  messages: [
    said('system', 'Count.'),
    said('user', 'Hi'),
    said('assistant', 'Hello'),
    said('user', 'Add.\n1, 2'),
    said('assistant', '3'),
  ],
});
test(
  'alpaca without a template becomes prompt and completion on lines of their own',
  becomes,
  'alpaca',
  alpaca,
  { type: 'PromptCompletion', prompt: 'Add.\n1, 2\n', completion: '3' },
  false,
);
test(
  'prompt and completion as texts stay texts',
  becomes,
  'prompt and completion',
  { prompt: 'a', completion: 'b' },
  { type: 'PromptCompletion', prompt: 'a', completion: 'b' },
);
test(
  'prompt and completion as messages become a conversation of which the completion is learned',
  becomes,
  'prompt and completion',
  {
    prompt: [
      { role: 'user', content: 'a' },
      { role: 'assistant', content: 'b' },
      { role: 'user', content: 'c' },
    ],
    completion: [{ role: 'assistant', content: 'd' }],
  },
  {
    type: 'Chat',
    messages: [
      said('user', 'a', false),
      said('assistant', 'b', false),
      said('user', 'c', false),
      said('assistant', 'd'),
    ],
  },
);
test(
  'a preference without a prompt has what both answers share as its prompt',
  becomes,
  'preference',
  { chosen: 'Q: 1+1? A: 2', rejected: 'Q: 1+1? A: 3' },
  { type: 'Preference', prompt: 'Q: 1+1? A: ', chosen: '2', rejected: '3' },
);
test(
  'a preference of messages shares whole messages',
  becomes,
  'preference',
  {
    chosen: [
      { role: 'user', content: 'a' },
      { role: 'assistant', content: 'b' },
    ],
    rejected: [
      { role: 'user', content: 'a' },
      { role: 'assistant', content: 'c' },
    ],
  },
  {
    type: 'Preference',
    prompt: [said('user', 'a')],
    chosen: [said('assistant', 'b')],
    rejected: [said('assistant', 'c')],
  },
);
test(
  'an unpaired preference is chosen or rejected',
  becomes,
  'unpaired preference',
  { prompt: 'a', completion: 'b', label: false },
  { type: 'Preference', prompt: 'a', rejected: 'b' },
);
test(
  'segments keep which of them are learned',
  becomes,
  'segments',
  {
    segments: [
      { label: false, text: 'a' },
      { label: true, text: 'b' },
    ],
  },
  {
    type: 'Segments',
    segments: [
      { isTarget: false, text: 'a' },
      { isTarget: true, text: 'b' },
    ],
  },
);
test(
  'text is text, with broken surrogates replaced',
  becomes,
  'text',
  { text: 'a\ud83d' },
  { type: 'Text', text: 'a\ufffd' },
);
test(
  'tokens alone are all learned',
  becomes,
  'tokens',
  { input_ids: [1, 2n] },
  { type: 'Tokenized', tokens: [1, 2] },
);
test(
  'tokens with labels are learned where the label is not -100',
  becomes,
  'tokens',
  { input_ids: [1, 2, 3], labels: [-100, 2, -100] },
  { type: 'Tokenized', tokens: [1, 2, 3], targets: [false, true, false] },
);
test(
  'tokens with a mask of numbers or truth values are learned where it is set',
  becomes,
  'tokens',
  { input_ids: [1, 2], mask: [true, 0] },
  { type: 'Tokenized', tokens: [1, 2], targets: [true, false] },
);

const refused = test.macro({
  title: (_, name: string, record: unknown, reason: RegExp) =>
    `${name}: ${JSON.stringify(record)} is refused: ${reason.source}`,
  exec(t, name: string, record: unknown, reason: RegExp) {
    const error = t.throws(() => toSample(shapeOf(name), record, true), {
      instanceOf: UnusableRecord,
    });
    t.regex(error.message, reason);
  },
});
test(refused, 'text', ['a'], /is not an object/);
test(refused, 'text', { text: 1 }, /is not of the shape text/);
test(refused, 'tokens', { input_ids: [1, 2], labels: [1] }, /has 2 input_ids and 1 labels/);
test(refused, 'tokens', { input_ids: [1, 2], labels: [1, 7] }, /labels\[1\] that is neither/);
test(refused, 'tokens', { input_ids: [1.5] }, /input_ids\[0\] that is not a whole number/);
test(refused, 'segments', { segments: [{ label: 1, text: 'a' }] }, /segments that are not all/);
test(refused, 'alpaca', { instruction: 'a', output: 'b', history: [['x']] }, /history/);
test(refused, 'prompt and completion', { prompt: 'a', completion: [] }, /only one is text/);
test(refused, 'preference', { chosen: 'a', rejected: [] }, /only one is text/);

test('A record of one shape is claimed by no other', (t) => {
  const examples: Readonly<Record<string, unknown>> = {
    messages: { messages: [] },
    sharegpt: { conversations: [], id: 'x' },
    alpaca: { instruction: '', output: '' },
    'prompt and completion': { prompt: '', completion: '' },
    preference: { prompt: '', chosen: '', rejected: '' },
    'unpaired preference': { prompt: '', completion: '', label: true },
    segments: { segments: [] },
    text: { text: '' },
    tokens: { input_ids: [] },
  };
  // What has a class is apart, and so are sounds: only jobs that want them look for them.
  const ofClasses = ['TextClassification', 'ImageClassification', 'Audio'];
  const apart = shapes.filter(({ formats }) => !formats.some((each) => ofClasses.includes(each)));
  for (const shape of apart) {
    const record = examples[shape.name] as Record<string, unknown>;
    t.deepEqual(
      apart.filter((other) => other.claims(record)).map(({ name }) => name),
      [shape.name],
    );
    t.true(Object.keys(record).every((key) => key === 'id' || recordKeys.Texts.has(key)));
  }
});
