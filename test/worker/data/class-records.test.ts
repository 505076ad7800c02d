// Records of texts with a class: which shapes they are of, and what becomes of their labels.
import test from 'ava';
import { UserError } from '../../../crds/failures/errors.ts';
import { classOf } from '../../../worker/data/class-labels.ts';
import { detectShape } from '../../../worker/data/detect.ts';
import { recordKeys, toSample } from '../../../worker/data/formats.ts';
import { UnusableRecord } from '../../../worker/files/unusable-record.ts';

const becomes = test.macro({
  title: (_, record: object) => `${Object.keys(record).join(', ')} is a text with its class`,
  exec(t, record: object, text: string, pair?: string) {
    const shape = detectShape([record], 'TextClassification');
    t.deepEqual(toSample(shape, record, false), {
      ...{ type: 'TextClassification', text, label: 1 },
      ...(pair !== undefined && { pair }),
    });
  },
});
test(becomes, { text: 'a', label: 1 }, 'a');
test(becomes, { sentence: 'a', label: 1, idx: 7 }, 'a');
test(becomes, { premise: 'a', hypothesis: 'b', label: 1n }, 'a', 'b');
test(becomes, { sentence1: 'a', sentence2: 'b', label: 1 }, 'a', 'b');
test(becomes, { question: 'a', sentence: 'b', label: 1 }, 'a', 'b');
test(becomes, { text: 'a', text_pair: 'b', label: 1 }, 'a', 'b');
test(becomes, { text_pair: null, text: 'a', label: 1 }, 'a');

test('Without classes a text with a label is a text', (t) => {
  const record = { text: 'a', label: 1 };
  t.deepEqual(toSample(detectShape([record], 'Auto'), record, false), { type: 'Text', text: 'a' });
  t.throws(() => detectShape([{ premise: 'a', hypothesis: 'b', label: 1 }], 'Auto'), {
    instanceOf: UserError,
  });
});

test('Records with two texts of their own are refused', (t) => {
  const error = t.throws(
    () => detectShape([{ text: 'a', sentence: 'b', label: 1 }], 'TextClassification'),
    { instanceOf: UserError },
  );
  t.regex(error.message, /text with a class .* sentence with a class/);
});

test('Every field is read from a parquet file', (t) => {
  for (const key of ['sentence', 'premise', 'hypothesis', 'sentence2', 'text_pair', 'label']) {
    t.true(recordKeys.Texts.has(key), key);
  }
});

const unusable = test.macro({
  title: (_, label: unknown) => `The label ${JSON.stringify(label)} has no class`,
  exec(t, label: unknown, reason: RegExp) {
    const record = { text: 'a', label };
    const convert = () => {
      const sample = toSample(detectShape([record], 'TextClassification'), record, false);
      if (sample.type === 'TextClassification') classOf(sample.label, ['negative', 'positive']);
    };
    t.regex(t.throws(convert, { instanceOf: UnusableRecord }).message, reason);
  },
});
test(unusable, -1, /^has the label -1; spec\.dataset\.labels names 2 classes: negative, positive$/);
test(unusable, 2, /^has the label 2;/);
test(unusable, 0.5, /^has the label 0\.5;/);
test(unusable, 'Positive', /^has the label "Positive";/);
test(unusable, '1', /^has the label "1";/);
test(unusable, null, /^has a label that is null, neither a number nor a name$/);
test(unusable, true, /^has a label that is a boolean,/);
test(unusable, [1], /^has a label that is a list,/);

test('A label is the number of a class or its name', (t) => {
  t.is(classOf(0, ['negative', 'positive']), 0);
  t.is(classOf('positive', ['negative', 'positive']), 1);
});

test('A sentence does not name a thousand classes', (t) => {
  const names = Array.from({ length: 1000 }, (_, number) => `c${number}`);
  const error = t.throws(() => classOf('x'.repeat(1000), names), { instanceOf: UnusableRecord });
  t.true(error.message.length < 300);
  t.regex(error.message, /c7 and 992 more$/);
});
