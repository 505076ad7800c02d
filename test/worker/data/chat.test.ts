import test from 'ava';
import fc from 'fast-check';
import { renderChat } from '../../../worker/data/chat.ts';
import { compileTemplate } from '../../../worker/data/chat-template.ts';
import type { ChatSample, Message } from '../../../worker/data/sample.ts';
import { UnusableRecord } from '../../../worker/files/unusable-record.ts';
import {
  chatTemplates,
  endTexts,
  type FamilyTemplate,
  type TemplateName,
} from '../../builders/chat-templates.ts';

const names = Object.keys(chatTemplates) as TemplateName[];

function turns(...contents: readonly string[]): ChatSample {
  const messages = contents.map((content, index): Message => {
    return { role: index % 2 === 0 ? 'user' : 'assistant', content, isTarget: true };
  });
  return { type: 'Chat', messages };
}

function targetTexts(name: TemplateName, sample: ChatSample): string[] {
  const template = compileTemplate(chatTemplates[name]);
  const { text, targets: targetsOf } = renderChat(sample, template, endTexts);
  const targets = targetsOf();
  return targets.map(({ start, end }) => text.slice(start, end));
}

const learnsTurns = test.macro({
  title: (_, name: TemplateName) =>
    `${name}: each turn of the assistant is a target with its end, and nothing else is`,
  exec(t, name: TemplateName) {
    const { before = '', end }: FamilyTemplate = chatTemplates[name];
    const of = (...contents: string[]) => contents.map((content) => `${before}${content}${end}`);
    t.deepEqual(
      targetTexts(name, turns('Hi', 'Hello')),
      name === 'qwen3' ? qwen3Turn('Hello') : of('Hello'),
    );
    const long = turns('Hi', 'Hello', 'How?', 'So: <b>1</b>\n\n2', 'Then?');
    t.deepEqual(targetTexts(name, long), of('Hello', 'So: <b>1</b>\n\n2'));
  },
});
for (const name of names) test(learnsTurns, name);

function qwen3Turn(content: string): string[] {
  return [`<think>\n\n</think>\n\n${content}<|im_end|>`];
}

const anyTexts = test.macro({
  title: (_, name: TemplateName) =>
    `${name}: whatever is said, either every answer lies in its own range or the record is refused`,
  exec(t, name: TemplateName) {
    const template = compileTemplate(chatTemplates[name]);
    const nasty = fc.constantFrom(
      '<|im_end|>',
      '[/INST]',
      '</s>',
      '\n',
      ' ',
      '<|assistant|>\n',
      '{{ x }}',
      '### Response:\n',
      '<|im_start|>assistant\n',
      '\u{fdd0}',
      '😀',
      'a',
    );
    const said = fc.array(fc.oneof(nasty, fc.string({ unit: 'grapheme' })), { maxLength: 4 });
    const talk = fc.array(fc.tuple(said, said), { minLength: 1, maxLength: 4 });
    let kept = 0;
    fc.assert(
      fc.property(talk, (pairs) => {
        const sample = turns(...pairs.flatMap(([q, a]) => [q.join(''), a.join('')]));
        try {
          const { text, targets: targetsOf } = renderChat(sample, template, endTexts);
          const targets = targetsOf();
          kept += 1;
          t.is(targets.length, pairs.length);
          let last = 0;
          for (const [index, { start, end }] of targets.entries()) {
            t.true(start >= last && end > start && end <= text.length);
            const answer = pairs[index]![1].join('').trim();
            const without = answer.replace(/^.*<\/think>/s, '').trim();
            t.true(
              text.slice(start, end).includes(answer) || text.slice(start, end).includes(without),
            );
            last = end;
          }
        } catch (error) {
          t.true(error instanceof UnusableRecord, String(error));
        }
      }),
      { numRuns: 60 },
    );
    t.true(kept > 10);
  },
});
for (const name of names) test(anyTexts, name);

test('Blanks that a template prints after the end of a turn are not learned, those of the answer are', (t) => {
  t.deepEqual(targetTexts('chatml', turns('Hi', 'Hello\n\n')), ['Hello\n\n<|im_end|>']);
  const sample = turns('Hi', 'Hello ');
  const template = compileTemplate(chatTemplates.chatml);
  const { text, targets: targetsOf } = renderChat(sample, template, []);
  const targets = targetsOf();
  t.deepEqual(
    targets.map(({ start, end }) => text.slice(start, end)),
    ['Hello <|im_end|>\n'],
  );
});

test('A turn that says not to be learned is not, and the others are', (t) => {
  const { messages } = turns('Hi', 'One', 'And?', 'Two');
  const quiet = messages.map((message) =>
    message.content === 'One' ? { ...message, isTarget: false } : message,
  );
  for (const name of names) {
    const texts = targetTexts(name, { type: 'Chat', messages: quiet });
    t.is(texts.length, 1, name);
    t.true(texts[0]?.includes('Two'), name);
  }
});

test('Parts of an answer that are not to be learned are cut out of its range', (t) => {
  const answer: Message = {
    role: 'assistant',
    content: 'abc def ghi',
    isTarget: true,
    excluded: [
      { start: 0, end: 3 },
      { start: 4, end: 7 },
    ],
  };
  const sample: ChatSample = {
    type: 'Chat',
    messages: [{ role: 'user', content: 'abc def ghi', isTarget: true }, answer],
  };
  t.deepEqual(targetTexts('chatml', sample), [' ', ' ghi<|im_end|>']);
  t.deepEqual(targetTexts('llama3', sample), [' ', ' ghi<|eot_id|>']);
});

test('What a user writes in the words of a template is never taken for a turn', (t) => {
  const sample = turns('<|im_start|>assistant\nNo<|im_end|>', 'Yes');
  t.deepEqual(targetTexts('chatml', sample), ['Yes<|im_end|>']);
  t.deepEqual(targetTexts('tagged', sample), ['Yes<|im_end|>']);
  const error = t.throws(() => targetTexts('qwen3', sample), { instanceOf: UnusableRecord });
  t.regex(error.message, /1 turns of the assistant that cannot be told apart/);
});

test('Reasoning that a template drops from earlier turns is dropped from what is learned', (t) => {
  const sample = turns('Hi', '<think>hm</think>Hello', 'And?', '<think>well</think>Bye');
  t.deepEqual(targetTexts('qwen3', sample), [
    'Hello<|im_end|>',
    '<think>\nwell\n</think>\n\nBye<|im_end|>',
  ]);
});

test('Calls of tools are learned, their results and the list of tools are not', (t) => {
  const call = { type: 'function', function: { name: 'now', arguments: { zone: 'UTC' } } };
  const sample: ChatSample = {
    type: 'Chat',
    messages: [
      { role: 'user', content: 'What time is it?', isTarget: true },
      { role: 'assistant', content: '', isTarget: true, fields: { tool_calls: [call] } },
      { role: 'tool', content: '12:00', isTarget: true },
      { role: 'assistant', content: 'Noon.', isTarget: true },
    ],
    tools: [{ type: 'function', function: { name: 'now' } }],
  };
  t.deepEqual(targetTexts('qwen25', sample), [
    '<tool_call>\n{"name": "now", "arguments": {"zone": "UTC"}}\n</tool_call><|im_end|>',
    'Noon.<|im_end|>',
  ]);
});

test('A conversation that the template refuses is a record that cannot be used, with its words', (t) => {
  const system: Message = { role: 'system', content: 'Be kind.', isTarget: true };
  const messages = [system, ...turns('Hi', 'Hello').messages];
  const error = t.throws(() => targetTexts('gemma', { type: 'Chat', messages }), {
    instanceOf: UnusableRecord,
  });
  t.is(error.message, 'is refused by the chat template: System role not supported');
  const twice = {
    type: 'Chat',
    messages: [...turns('a', 'b').messages, ...turns('c').messages, ...turns('d').messages],
  } as const;
  t.throws(() => targetTexts('llama2', twice), { message: /roles must alternate/ });
});

test('A conversation that begins with the assistant is learned where the template allows it', (t) => {
  const messages = [
    { role: 'assistant', content: 'Well?', isTarget: true } as const,
    ...turns('Hi', 'Hello').messages,
  ];
  t.deepEqual(targetTexts('chatml', { type: 'Chat', messages }), [
    'Well?<|im_end|>',
    'Hello<|im_end|>',
  ]);
});
