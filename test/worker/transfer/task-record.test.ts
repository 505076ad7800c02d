import test from 'ava';
import { detectShape } from '../../../worker/data/detect.ts';
import { toSample } from '../../../worker/data/formats.ts';
import { isSameForm, recordLine, taskRecordOf } from '../../../worker/transfer/task-record.ts';

function read(record: unknown) {
  return taskRecordOf(toSample(detectShape([record], 'Auto'), record, true));
}

const user = { role: 'user', content: ' Where is the\r\nowl? ' };
const assistant = { role: 'assistant', content: 'Here.' };
const system = { role: 'system', content: 'Be short.' };

test('one question and its answer is a record of a task', (t) => {
  const chat = { form: { type: 'Chat' }, prompt: 'Where is the\nowl?', answer: 'Here.' };
  t.deepEqual(read({ messages: [user, assistant] }), chat as never);
  t.deepEqual(read({ messages: [system, user, assistant] })?.form, {
    ...{ type: 'Chat', system: 'Be short.' },
  });
  t.deepEqual(read({ prompt: 'owl?\n', completion: 'here' }), {
    form: { type: 'PromptCompletion', ending: '\n' },
    ...{ prompt: 'owl?', answer: 'here' },
  });
});

test('what has no single question has none', (t) => {
  t.is(read({ messages: [user, assistant, user, assistant] }), null);
  t.is(read({ messages: [assistant, user] }), null);
  t.is(read({ messages: [{ ...user, content: ' ' }, assistant] }), null);
  t.is(read({ text: 'owls' }), null);
});

test('a record that is written is read as the same', (t) => {
  for (const record of [
    { messages: [system, { ...user, content: 'owl "x"\n\\?' }, assistant] },
    { prompt: 'owl? ', completion: 'here' },
  ]) {
    const one = read(record);
    if (one === null) return t.fail();
    const again = read(JSON.parse(recordLine(one.form, one.prompt, one.answer)));
    t.deepEqual(again, one);
    t.true(again !== null && isSameForm(again.form, one.form));
  }
  t.false(isSameForm({ type: 'Chat' }, { type: 'Chat', system: 'Be short.' }));
  t.false(isSameForm({ type: 'Chat' }, { type: 'PromptCompletion', ending: '' }));
});
