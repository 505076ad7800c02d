// Our rendering of chat templates against that of transformers: the same text, the same refusals,
// and for a template with generation tags the same ranges of what is learned.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { renderChat } from '../../worker/data/chat.ts';
import { compileTemplate } from '../../worker/data/chat-template.ts';
import type { Message } from '../../worker/data/sample.ts';
import { UnusableRecord } from '../../worker/files/unusable-record.ts';
import {
  chatTemplates,
  endTexts,
  type FamilyTemplate,
  type TemplateName,
} from '../builders/chat-templates.ts';
import { askPeer } from './ask-peer.ts';

interface Rendered {
  readonly text?: string;
  readonly error?: string;
  /** In characters of Python, which are code points. */
  readonly ranges?: readonly (readonly [number, number])[];
}

const words = fc.array(
  fc.constantFrom('Hi', ' ', '\n', '{{ x }}', '\'"\\', '😀é', '<b>&amp;</b>', '  ', '</s>', 'ok.'),
  { maxLength: 5 },
);
const said = (role: Message['role']) =>
  words.map((all): Message => ({ role, content: all.join(''), isTarget: true }));
const pair = fc.tuple(said('user'), said('assistant')).map((both) => [...both]);
// Not blank: @huggingface/jinja compares '' and false as JavaScript does, so that Llama 2 prints no
// empty system text.
const system = said('system').filter(({ content }) => content.trim() !== '');
const talk = fc
  .tuple(
    fc.option(system, { nil: undefined }),
    fc.array(pair, { minLength: 1, maxLength: 3 }),
    fc.option(said('user'), { nil: undefined }),
  )
  .map(([first, pairs, last]) => [
    ...(first === undefined ? [] : [first]),
    ...pairs.flat(),
    ...(last === undefined ? [] : [last]),
  ]);

const call = {
  type: 'function',
  function: { name: 'now', arguments: { zone: 'UTC', list: [1, 2.5, null, true], text: 'é "q"' } },
};
const calling: readonly Message[] = [
  { role: 'user', content: 'What time?', isTarget: true },
  { role: 'assistant', content: '', isTarget: true, fields: { tool_calls: [call] } },
  { role: 'tool', content: '12:00', isTarget: true },
  { role: 'assistant', content: 'Noon.', isTarget: true },
];
const tools = [
  {
    type: 'function',
    function: {
      name: 'now',
      description: 'the time',
      parameters: { type: 'object', properties: {} },
    },
  },
];

// The day of our rendering is the job's, that of transformers is today's.
const names = (Object.keys(chatTemplates) as TemplateName[]).filter((name) => name !== 'llama31');
const cases = names.flatMap((name) => {
  const { source, bos = '', eos = '' }: FamilyTemplate = chatTemplates[name];
  const talks = fc.sample(talk, 40).flatMap((messages) => [
    { name, messages, tools: undefined, prompt: false },
    { name, messages, tools: undefined, prompt: true },
  ]);
  const more = name === 'qwen25' ? [{ name, messages: calling, tools, prompt: false }] : [];
  return [...talks, ...more].map((one) => ({ ...one, template: source, bos, eos }));
});

let theirs: readonly Rendered[] = [];
test.before(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'anneal-templates-'));
  const path = join(folder, 'cases.json');
  const plain = cases.map(({ messages, ...rest }) => ({
    ...rest,
    messages: messages.map(({ role, content, fields }) => ({ role, content, ...fields })),
  }));
  await writeFile(path, JSON.stringify(plain));
  theirs = JSON.parse(await askPeer('chat_templates_peer.py', [path]));
  await rm(folder, { recursive: true });
});

const sameText = test.macro({
  title: (_, name: TemplateName) => `${name}: the text is that of transformers`,
  exec(t, name: TemplateName) {
    const template = compileTemplate(chatTemplates[name]);
    for (const [index, one] of cases.entries()) {
      if (one.name !== name) continue;
      const { text, error } = theirs[index] ?? {};
      const render = () => template.render(one.messages, one.tools, one.prompt);
      if (error === undefined) t.is(render(), text ?? '');
      else t.throws(render, { instanceOf: UnusableRecord }, error);
    }
  },
});
for (const name of names) test(sameText, name);

test('What a template with tags has learned is what transformers masks in', (t) => {
  const template = compileTemplate(chatTemplates.tagged);
  for (const [index, one] of cases.entries()) {
    const { ranges, text = '' } = theirs[index] ?? {};
    if (one.name !== 'tagged' || one.prompt || ranges === undefined) continue;
    const points = [...text];
    const expected = ranges.map(([start, end]) => points.slice(start, end).join(''));
    const ours = renderChat({ type: 'Chat', messages: one.messages }, template, endTexts);
    t.deepEqual(
      ours.targets().map(({ start, end }) => ours.text.slice(start, end)),
      expected,
    );
  }
});
