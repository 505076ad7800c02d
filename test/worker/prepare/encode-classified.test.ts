import test from 'ava';
import fc from 'fast-check';
import { UserError } from '../../../crds/failures/errors.ts';
import { truncated } from '../../../worker/prepare/encode-classified.ts';
import { createEncoder, type EncodingRules } from '../../../worker/prepare/encode-sample.ts';
import { encoderTokenizer } from '../../builders/encoder-tokenizers.ts';

const { definition } = encoderTokenizer();

function encoder(more: Partial<EncodingRules> = {}) {
  return createEncoder({
    ...{ tokenizer: definition, sequenceLength: 100, overlength: undefined },
    ...{ labels: ['bad', 'good'], ...more },
  });
}
const one = { type: 'TextClassification', text: 'good films.', label: 'good' } as const;
const pair = { ...one, pair: 'a bad film', label: 0 } as const;

test('A text stands between the special tokens, with its class', (t) => {
  t.deepEqual(encoder()(one), {
    documents: [{ ids: [2, 5, 7, 8, 11, 3], marks: new Uint8Array(6), class: 1 }],
    lost: 0,
  });
});

test('Of a pair the second text is marked, with what belongs to it', (t) => {
  t.deepEqual(encoder()(pair), {
    documents: [
      {
        ids: [2, 5, 7, 8, 11, 3, 4, 6, 7, 3],
        marks: Uint8Array.of(0, 0, 0, 0, 0, 0, 1, 1, 1, 1),
        class: 0,
      },
    ],
    lost: 0,
  });
});

test('A label of no class is an invalid record', (t) => {
  const result = encoder()({ ...one, label: -1 });
  t.deepEqual(result, {
    skipped: 'Invalid',
    detail: 'has the label -1; spec.dataset.labels names 2 classes: bad, good',
  });
});

test('What is too long is skipped, or named with its length', (t) => {
  for (const sample of [one, pair]) {
    const short = encoder({ sequenceLength: 5 })(sample);
    t.deepEqual(short, {
      skipped: 'TooLong',
      detail: 'has more than 5 tokens; spec.dataset.sequenceLength is 5',
    });
  }
  const failed = encoder({ sequenceLength: 9, overlength: 'Fail' })(pair);
  t.deepEqual(failed, {
    skipped: 'TooLong',
    detail: 'has 10 tokens; spec.dataset.sequenceLength is 9',
  });
  t.true('documents' in encoder({ sequenceLength: 10, overlength: 'Fail' })(pair));
});

test('Cut texts keep their special tokens, and what they lost is counted', (t) => {
  const cut = encoder({ sequenceLength: 8, overlength: 'Truncate' })(pair);
  t.deepEqual(cut, {
    documents: [
      {
        ids: [2, 5, 7, 8, 3, 4, 6, 3],
        marks: Uint8Array.of(0, 0, 0, 0, 0, 1, 1, 1),
        class: 0,
      },
    ],
    lost: 2,
  });
  const alone = encoder({ sequenceLength: 4, overlength: 'Truncate' })(one);
  t.like(alone, { documents: [{ ids: [2, 5, 7, 3] }], lost: 2 });
});

test('Truncation takes the last token of the longer text again and again', (t) => {
  const lengths = fc.nat(60);
  fc.assert(
    fc.property(lengths, lengths, lengths, (first, second, room) => {
      let [a, b] = [first, second];
      // The same but for which of the two keeps an odd token.
      while (a + b > room) {
        if (a > b) a -= 1;
        else b -= 1;
      }
      const kept = truncated(first, second, room);
      t.is(kept.first + kept.second, Math.min(room, first + second));
      t.true(Math.abs(kept.first - a) <= 1);
      if (Math.abs(a - b) !== 1) t.deepEqual(kept, { first: a, second: b });
      t.true(kept.first <= first && kept.second <= second);
    }),
  );
  t.deepEqual(truncated(9, 9, 7), { first: 3, second: 4 });
  t.deepEqual(truncated(10, 9, 7), { first: 4, second: 3 });
  t.deepEqual(truncated(9, undefined, 7), { first: 7, second: 0 });
});

test('A tokenizer without special tokens is refused before anything is read', (t) => {
  const bare = encoderTokenizer({ post_processor: null });
  const error = t.throws(() => encoder({ tokenizer: bare.definition }), { instanceOf: UserError });
  t.is(error.code, 'E_INVALID_TOKENIZER');
});
