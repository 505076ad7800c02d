import test from 'ava';
import { type Expected, refusalOf, type Submitted } from '../../../worker/federate/submission.ts';

const name = 'model.layers.0.self_attn.q_proj.lora_R.weight';
const tensor = { shape: [4, 4], dtype: 'float32', finite: true };
const [base, state, digest] = ['a', 'b', 'c'].map((one) => one.repeat(64));
const good = {
  ...{ client: 'north', round: 2, epoch: 1, base: base ?? '', state: state ?? '', samples: 9 },
  ...{ digest: digest ?? '', found: digest ?? '', tensors: new Map([[name, tensor]]), norm: 1.5 },
} satisfies Submitted;
const expected: Expected = {
  ...{ round: 2, epoch: 1, base: good.base, state: good.state, maxNorm: 2 },
  shapes: new Map([[name, [4, 4]]]),
};

const cases: readonly (readonly [string, Partial<Submitted>, RegExp])[] = [
  ['late', { round: 1 }, /^it is of round 1, and round 2 is open/],
  ['of a lost claim', { epoch: 0 }, /attempt 0 of the client, and attempt 1 holds/],
  ['of another base', { base: 'd'.repeat(64) }, /the base dddddddddddd; that of the federation/],
  ['of another state', { state: 'd'.repeat(64) }, /began with the state dddddddddddd/],
  ['missing', { found: null }, /its object cccccccccccc is missing/],
  ['damaged', { found: 'd'.repeat(64) }, /SHA-256 dddddddddddd .* it is damaged/],
  ['no tensors', { unreadable: 'x is too short' }, /^its object is no file of tensors: x is too/],
  ['without records', { samples: 0 }, /counts 0 records/],
  ['without a tensor', { tensors: new Map() }, /it has no tensor model/],
  ['of another shape', changed({ shape: [4, 2] }), /is \[4,2\]; it must be \[4,4\]/],
  ['of another type', changed({ dtype: 'bfloat16' }), /is bfloat16; it must be float32/],
  ['not finite', changed({ finite: false }), /has a value that is not finite/],
  [
    'with a tensor of its own',
    { tensors: new Map([...good.tensors, ['lm_head.weight', tensor]]) },
    /a tensor lm_head.weight, which is not trained/,
  ],
  ['too large a change', { norm: 2.5 }, /norm 2.500; maxNorm is 2/],
];

test('a submission of this round is used', (t) => {
  t.is(refusalOf(good, expected), null);
  t.is(refusalOf({ ...good, norm: 1e9 }, { ...expected, maxNorm: undefined }), null);
});

for (const [what, change, sentence] of cases) {
  test(`a submission that is refused: ${what}`, (t) => {
    t.regex(refusalOf({ ...good, ...change }, expected) ?? '', sentence);
  });
}

function changed(change: Partial<typeof tensor>): Partial<Submitted> {
  return { tensors: new Map([[name, { ...tensor, ...change }]]) };
}
