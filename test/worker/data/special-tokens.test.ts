import test from 'ava';
import { UserError } from '../../../crds/failures/errors.ts';
import { specialTokensOf } from '../../../worker/data/special-tokens.ts';
import { bertJson } from '../../builders/encoder-tokenizers.ts';

const surround = test.macro({
  title: (given = '') => given,
  exec(t, post_processor: unknown, one: number[], pair: number[], segments: number[]) {
    const tokens = specialTokensOf({ post_processor }, 100);
    t.deepEqual(tokens.surround([10, 11], undefined), {
      ids: one,
      segments: new Uint8Array(one.length),
    });
    t.deepEqual(tokens.surround([10, 11], [20]), {
      ids: pair,
      segments: Uint8Array.from(segments),
    });
    t.deepEqual(tokens.around, { one: one.length - 2, pair: pair.length - 3 });
  },
});
const ends = { sep: ['s', 3], cls: ['c', 2] };
const bert = [
  [2, 10, 11, 3],
  [2, 10, 11, 3, 20, 3],
  [0, 0, 0, 0, 1, 1],
] as const;
test(
  'BERT',
  surround,
  { type: 'BertProcessing', ...ends },
  [...bert[0]],
  [...bert[1]],
  [...bert[2]],
);
test('A template', surround, bertJson.post_processor, [...bert[0]], [...bert[1]], [...bert[2]]);
test(
  'A template after ByteLevel',
  surround,
  { type: 'Sequence', processors: [{ type: 'ByteLevel' }, bertJson.post_processor] },
  [...bert[0]],
  [...bert[1]],
  [...bert[2]],
);
test(
  'RoBERTa separates by two tokens, and has one segment',
  surround,
  { type: 'RobertaProcessing', trim_offsets: true, add_prefix_space: false, ...ends },
  [2, 10, 11, 3],
  [2, 10, 11, 3, 3, 20, 3],
  [0, 0, 0, 0, 0, 0, 0],
);

const refused = test.macro({
  title: (given = '') => given,
  exec(t, post_processor: unknown, message: RegExp) {
    const error = t.throws(() => specialTokensOf({ post_processor }, 100), {
      instanceOf: UserError,
    });
    t.is(error.code, 'E_INVALID_TOKENIZER');
    t.regex(error.message, message);
  },
});
const adds = /has no post-processor that adds special tokens/;
test('None is refused', refused, null, adds);
test('ByteLevel alone adds none', refused, { type: 'ByteLevel' }, adds);
const bare = [{ Sequence: { id: 'A', type_id: 0 } }];
const both = [...bare, { Sequence: { id: 'B', type_id: 1 } }];
test(
  'A template of texts alone adds none',
  refused,
  { type: 'TemplateProcessing', single: bare, pair: both, special_tokens: {} },
  adds,
);
const { post_processor: template } = bertJson;
test('A template without a second text', refused, { ...template, pair: template.single }, /a pair/);
test(
  'A template of two texts for one',
  refused,
  { ...template, single: template.pair },
  /one text/,
);
test(
  'A third segment',
  refused,
  { ...template, pair: [{ Sequence: { id: 'A', type_id: 2 } }] },
  /not supported/,
);
test(
  'A name without ids',
  refused,
  { ...template, special_tokens: {} },
  /does not say what \[CLS\] is/,
);
test(
  'An id that is none',
  refused,
  { type: 'BertProcessing', sep: ['s', 100], cls: ['c', 2] },
  /the token 100; the vocabulary has 100/,
);
test(
  'Two of them',
  refused,
  { type: 'Sequence', processors: [template, { type: 'BertProcessing', ...ends }] },
  /two post-processors/,
);
