import test from 'ava';
import { InvalidArgumentError } from 'commander';
import fc from 'fast-check';
import { type AskedComposition, composition } from '../../../cli/commands/serve/compose-flag.ts';
import { composed } from '../../../cli/commands/serve/compositions.ts';
import { composition as compositionSchema } from '../../../crds/serve/compositions.ts';

const known = { base: 'base', adapters: ['alpha', 'beta', 'gamma'], mayGrow: false };

const read = (...texts: readonly string[]) =>
  texts.reduce<readonly AskedComposition[]>((before, text) => composition(text, before), []);

test('a composition has parts with weights, a mode, and a span where parts take turns', (t) => {
  t.deepEqual(
    composed(read('both=alpha:0.5,beta:-2e-1', 'all=alpha,mode=switch,beta,gamma,span=3'), known),
    [
      {
        ...{ name: 'both', mode: 'merge', span: 8 },
        parts: [
          { adapter: 'alpha', weight: 0.5 },
          { adapter: 'beta', weight: -0.2 },
        ],
      },
      {
        ...{ name: 'all', mode: 'switch', span: 3 },
        parts: ['alpha', 'beta', 'gamma'].map((adapter) => ({ adapter, weight: 1 })),
      },
    ],
  );
  t.is(composed(read('a.b-c_d=alpha,mode=logits'), known)[0]?.mode, 'logits');
});

for (const [text, sentence] of [
  ['both', 'it must be name=adapter:weight,adapter:weight'],
  ['../both=alpha', 'it must be name=adapter:weight,adapter:weight'],
  [
    'both=alpha,,beta',
    'its part "" must be the name of an adapter, or name:weight with a finite number',
  ],
  [
    'both=alpha:NaN',
    'its part "alpha:NaN" must be the name of an adapter, or name:weight with a finite number',
  ],
  [
    'both=alpha:Infinity',
    'its part "alpha:Infinity" must be the name of an adapter, or name:weight with a finite number',
  ],
  [
    'both=alpha:',
    'its part "alpha:" must be the name of an adapter, or name:weight with a finite number',
  ],
  ['both=alpha,mode=mean', 'its mode must be one of merge, logits, switch, dominant'],
  ['both=alpha,mode=merge,mode=merge', 'it has mode= twice'],
  ['both=alpha,span=0', 'its span must be a whole number from 1 to 4096'],
  ['both=alpha,span=4097', 'its span must be a whole number from 1 to 4096'],
] as const) {
  test(`${text} is refused: ${sentence}`, (t) => {
    const error = t.throws(() => read(text), { instanceOf: InvalidArgumentError });
    t.is(error?.message, sentence);
  });
}

/** Of a sentence that says all there is. */
const usual = 'see anneal --help, or --help of the command';
const nine = Array.from({ length: 9 }, (_, i) => `part${i}`).join(',');

for (const [text, sentence, hint] of [
  ['both=mode=merge', 'both has no part', 'name adapters, as in both=one,other'],
  [`both=${nine}`, 'both has 9 parts; it may have 8 at most', undefined],
  [
    'both=alpha,beta,alpha',
    'both has the part alpha twice',
    'name it once, with the sum of the weights',
  ],
  [
    'both=alpha,betta',
    'both has the part betta, and no adapter has that name',
    'did you mean beta?',
  ],
  [
    'both=alpha,other',
    'both has the part other, and no adapter has that name',
    'name its folder with --adapter other=FOLDER',
  ],
  ['both=alpha,base', 'both has the base base as a part; parts are adapters', undefined],
  ['both=alpha,both', 'both has the composition both as a part; parts are adapters', undefined],
  ['both=alpha:0,beta', 'both gives alpha the weight 0', 'leave the part out'],
  [
    'both=alpha:1e999',
    'both gives alpha the weight Infinity; it must lie between -1000 and 1000',
    undefined,
  ],
  [
    'both=alpha:-1001',
    'both gives alpha the weight -1001; it must lie between -1000 and 1000',
    undefined,
  ],
  [
    'both=alpha:1,beta:-1,mode=logits',
    'the weights of both add up to 0; those of a mean of logits must add up to 0.01 at least',
    undefined,
  ],
  [
    'both=alpha:2,mode=switch',
    'both gives alpha a weight, and the mode switch sets weights by itself',
    'leave the weight out, or use merge or logits',
  ],
  [
    'both=alpha,beta:2,mode=dominant',
    'both gives beta a weight, and the mode dominant sets weights by itself',
    'leave the weight out, or use merge or logits',
  ],
  [
    'both=alpha,span=3',
    'both has a span, and in the mode merge no part leads for a span',
    undefined,
  ],
  [
    'both=alpha,mode=logits,span=3',
    'both has a span, and in the mode logits no part leads for a span',
    undefined,
  ],
] as const) {
  test(`${text} is refused: ${sentence}`, (t) => {
    const error = t.throws(() => composed(read(text), known));
    t.is(error?.message, sentence);
    t.is((error as { hint?: string } | undefined)?.hint, hint ?? usual);
  });
}

test('a part that is not there yet may come to a folder that is looked at', (t) => {
  const [one] = composed(read('both=alpha,later'), { ...known, mayGrow: true });
  t.deepEqual(
    one?.parts.map(({ adapter }) => adapter),
    ['alpha', 'later'],
  );
  t.throws(() => composed(read('both=alpha,base'), { ...known, mayGrow: true }));
});

test('whatever is written is refused with a sentence, or is what the worker reads', (t) => {
  const piece = fc.constantFrom(
    ...[
      'alpha',
      'beta',
      ':',
      '=',
      ',',
      'mode',
      'span',
      'logits',
      'dominant',
      '0.5',
      '-1',
      '7',
      'e9',
    ],
  );
  let accepted = 0;
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 9 }), (pieces) => {
      try {
        const asked = composed(read(`both=alpha${pieces.join('')}`), known);
        for (const one of asked) t.deepEqual(compositionSchema.parse(one), one);
        accepted += 1;
      } catch (error) {
        t.regex((error as Error).message, /^(it|its|both|the weights of both) /);
      }
    }),
    { numRuns: 3000 },
  );
  t.true(accepted > 20);
});
