import test from 'ava';
import { toMessages, toTools } from '../../../worker/data/messages.ts';
import { UnusableRecord } from '../../../worker/files/unusable-record.ts';

test('Every dialect of roles becomes ours', (t) => {
  const names = [
    'system',
    'human',
    'user',
    'gpt',
    'assistant',
    'chatgpt',
    'bing',
    'observation',
    'tool',
  ];
  const messages = toMessages(
    names.map((from) => ({ from, value: from })),
    'conversations',
  );
  t.deepEqual(
    messages.map(({ role }) => role),
    ['system', 'user', 'user', 'assistant', 'assistant', 'assistant', 'assistant', 'tool', 'tool'],
  );
});

test('Parts of text are joined, and those not to be learned are remembered by their place', (t) => {
  const content = [
    { type: 'text', text: 'ab' },
    { type: 'text', text: 'cde', train: false },
    { type: 'text', text: 'f' },
  ];
  t.deepEqual(toMessages([{ role: 'assistant', content }], 'messages'), [
    { role: 'assistant', content: 'abcdef', isTarget: true, excluded: [{ start: 2, end: 5 }] },
  ]);
});

test('train: false on a message is kept', (t) => {
  const [message] = toMessages([{ role: 'assistant', content: 'a', train: false }], 'messages');
  t.false(message?.isTarget);
});

test('Calls of tools become objects, whether their arguments were text or not', (t) => {
  const call = (given: unknown) => [
    {
      role: 'assistant',
      content: null,
      tool_calls: [{ id: '1', function: { name: 'f', arguments: given } }],
    },
  ];
  const expected = [
    {
      role: 'assistant',
      content: '',
      isTarget: true,
      fields: { tool_calls: [{ id: '1', function: { name: 'f', arguments: { x: 1 } } }] },
    },
  ];
  t.deepEqual(toMessages(call('{"x": 1}'), 'messages') as unknown, expected);
  t.deepEqual(toMessages(call({ x: 1 }), 'messages') as unknown, expected);
});

test('A function_call of sharegpt is a call by the assistant', (t) => {
  const value = '{"name": "f", "arguments": {"x": 1}}';
  const [message] = toMessages([{ from: 'function_call', value }], 'conversations');
  t.deepEqual(message?.fields, {
    tool_calls: [{ type: 'function', function: { name: 'f', arguments: { x: 1 } } }],
  });
  t.is(message?.role, 'assistant');
});

test('What templates read beside role and content is passed on, the rest is not', (t) => {
  const [message] = toMessages(
    [{ role: 'assistant', content: 'a', reasoning_content: 'hm', name: 'n', weight: 3 }],
    'messages',
  );
  t.deepEqual(message?.fields, { name: 'n', reasoning_content: 'hm' });
});

test('Tools are a list, or text of a list, or nothing', (t) => {
  t.is(toTools(undefined), undefined);
  t.is(toTools(''), undefined);
  t.is(toTools([]), undefined);
  t.deepEqual(toTools('[1]'), [1]);
  t.throws(() => toTools('{"a": 1}'), { instanceOf: UnusableRecord });
});

const refused = test.macro({
  title: (_, message: unknown, reason: RegExp) =>
    `${JSON.stringify(message)} is refused: ${reason.source}`,
  exec(t, message: unknown, reason: RegExp) {
    const error = t.throws(() => toMessages([message], 'messages'), { instanceOf: UnusableRecord });
    t.regex(error.message, reason);
  },
});
test(refused, 'hi', /messages\[0\] that is not an object/);
test(refused, { role: 'narrator', content: 'a' }, /the role "narrator"; known are system, /);
test(refused, { role: 'toString', content: 'a' }, /the role "toString"/);
test(refused, { content: 'a' }, /the role undefined/);
test(refused, { role: 'user' }, /without content/);
test(refused, { role: 'user', content: [{ type: 'image' }] }, /a part that is not text/);
test(refused, { from: 'function_call', value: 'f()' }, /not JSON with a name/);
test(refused, { role: 'assistant', content: '', tool_calls: 'f' }, /tool_calls that is not a list/);

test('A call nested without end is refused before anything walks it', (t) => {
  let nested: unknown = 1;
  for (let depth = 0; depth < 100_000; depth += 1) nested = [nested];
  const call = { function: { name: 'f', arguments: { nested } } };
  const error = t.throws(
    () => toMessages([{ role: 'assistant', content: '', tool_calls: [call] }], 'messages'),
    { instanceOf: UnusableRecord },
  );
  t.regex(error.message, /nested deeper than 64/);
});
