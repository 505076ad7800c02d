import test from 'ava';
import { UserError } from '../../../crds/failures/errors.ts';
import { detectShape } from '../../../worker/data/detect.ts';

test('The one shape that fits is found, and a few odd records do not hide it', (t) => {
  const records = Array.from({ length: 20 }, () => ({ text: 'a', meta: 1 }));
  t.is(detectShape([...records, { other: 1 }, 'x'], 'Auto').name, 'text');
});

test('Two shapes that fit are an error that names both and the field to set', (t) => {
  const records = [{ text: 'a', messages: [] }];
  const error = t.throws(() => detectShape(records, 'Auto'), { instanceOf: UserError });
  t.is(error.path, 'spec.dataset.format');
  t.regex(error.message, /as messages \(messages, tools\) and as text \(text\)/);
  t.regex(error.hint, /set spec\.dataset\.format to Chat or Text/);
  t.is(detectShape(records, 'Text').name, 'text');
  t.is(detectShape(records, 'Chat').name, 'messages');
});

test('Two shapes of one format cannot be told apart by the format', (t) => {
  const error = t.throws(() => detectShape([{ conversations: [], messages: [] }], 'Auto'), {
    instanceOf: UserError,
  });
  t.regex(error.hint, /remove the fields of one/);
});

test('Records of no shape are an error that says what they have and what is known', (t) => {
  const error = t.throws(() => detectShape([{ question: 'a', answer: 'b' }], 'Auto'), {
    instanceOf: UserError,
  });
  t.regex(error.message, /the first records have question, answer; a known shape/);
  t.regex(error.message, /messages \(messages, tools\); sharegpt/);
});

test('A format that does not fit is an error that says what it needs', (t) => {
  const error = t.throws(() => detectShape([{ text: 'a' }], 'Chat'), { instanceOf: UserError });
  t.regex(error.message, /have text; the format Chat needs most of them to be one of: messages/);
});

test('Values that are no objects are told as such', (t) => {
  const error = t.throws(() => detectShape([1, 'a', [2]], 'Auto'), { instanceOf: UserError });
  t.regex(error.message, /are not objects with fields/);
});
