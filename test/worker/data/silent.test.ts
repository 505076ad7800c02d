import test from 'ava';
import type { Message, Sample } from '../../../worker/data/sample.ts';
import { isSilent } from '../../../worker/data/silent.ts';

const turn = (role: Message['role'], content: string, more: Partial<Message> = {}): Message => ({
  ...{ role, content, isTarget: true },
  ...more,
});
const chat = (...messages: Message[]): Sample => ({ type: 'Chat', messages });

const cases: readonly (readonly [what: string, sample: Sample, silent: boolean])[] = [
  ['an empty answer', chat(turn('user', 'a'), turn('assistant', ' \n')), true],
  ['an answer', chat(turn('user', 'a'), turn('assistant', 'b')), false],
  [
    'one answer of two',
    chat(turn('user', 'a'), turn('assistant', ''), turn('user', 'b'), turn('assistant', 'c')),
    false,
  ],
  [
    'an answer that is not learned beside an empty one',
    chat(turn('assistant', 'b', { isTarget: false }), turn('assistant', '')),
    true,
  ],
  ['a call of a tool', chat(turn('assistant', '', { fields: { tool_calls: [] } })), false],
  ['an empty completion', { type: 'PromptCompletion', prompt: 'a', completion: '' }, true],
  ['a completion', { type: 'PromptCompletion', prompt: 'a', completion: 'b' }, false],
  ['segments', { type: 'Segments', segments: [{ text: 'a', isTarget: true }] }, false],
  [
    'blank segments',
    {
      type: 'Segments',
      segments: [
        { text: 'a', isTarget: false },
        { text: ' ', isTarget: true },
      ],
    },
    true,
  ],
  ['a text', { type: 'Text', text: '' }, false],
];

for (const [what, sample, silent] of cases) {
  test(`${what} ${silent ? 'teaches to say nothing' : 'teaches something'}`, (t) => {
    t.is(isSilent(sample), silent);
  });
}
