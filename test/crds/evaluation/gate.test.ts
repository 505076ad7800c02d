import test from 'ava';
import type { ResultClass } from '../../../crds/evaluation/form.ts';
import { type Evidence, judge, refusedByName } from '../../../crds/evaluation/gate.ts';
import { evaluationWords } from '../../../crds/evaluation/in-words.ts';
import type { Verdict } from '../../../crds/wire/artifact-evaluation.ts';

const exactly = (value: number) => ({ value, low: value, high: value });

function evidence(
  made: ResultClass,
  [ratio, divergence, agreement]: readonly [number, number, number],
  more: Partial<Evidence> = {},
): Evidence {
  return {
    ...{
      format: 'GGUF',
      made,
      parameters: 135e6,
      reference: 'the trained model',
      where: 'on 2,048 held-out tokens',
    },
    ...{ size: undefined, perplexityRatio: exactly(ratio) },
    ...{ divergence: exactly(divergence), agreement: exactly(agreement) },
    ...more,
  };
}

const defaults = { profile: 'Default', overrides: undefined } as const;
const rounded = (weightBits: number): ResultClass => ({ weightBits, made: 'Rounding' });
const eights = (type: 'Integer' | 'Float', weightBits = 8): ResultClass => ({
  ...rounded(weightBits),
  activations: { bits: 8, type },
});

// Measured on SmolLM2-135M without calibration: ratio of perplexities, KL divergence, agreement.
const measured: readonly (readonly [
  name: string,
  made: ResultClass,
  figures: readonly [number, number, number],
  verdict: Verdict,
])[] = [
  // Half of the channels, before anything is trained: a finding, and no refusal.
  ['pruned', { weightBits: 16, made: 'Pruning' }, [90, 5.1, 0.2], 'Warn'],
  ['int8, a scale a row', rounded(8), [1.005, 0.0036, 0.969], 'Pass'],
  ['e4m3, a scale a row', rounded(8), [1.019, 0.019, 0.917], 'Pass'],
  ['W8A8-FP, a scale a token', eights('Float'), [1.028, 0.027, 0.8995], 'Warn'],
  ['W8A8-INT, a scale a token', eights('Integer'), [1.038, 0.037, 0.891], 'Warn'],
  ['W8A8-INT, a scale a tensor', eights('Integer'), [2.257, 0.83, 0.532], 'Refuse'],
  ['nf4 in groups of 64', rounded(4), [1.218, 0.255, 0.708], 'Warn'],
  ['nvfp4 in groups of 16', rounded(4), [1.225, 0.233, 0.745], 'Warn'],
  ['int4 in groups of 32, asymmetric', rounded(4), [1.263, 0.287, 0.676], 'Warn'],
  ['int4 in groups of 128, asymmetric', rounded(4), [1.314, 0.364, 0.67], 'Refuse'],
  ['fp4 e2m1 in groups of 64', rounded(4), [1.346, 0.354, 0.67], 'Refuse'],
  ['int4 in groups of 64, symmetric', rounded(4), [1.56, 0.527, 0.588], 'Refuse'],
  ['mxfp4 in groups of 32', rounded(4), [1.658, 0.563, 0.61], 'Refuse'],
  ['W4A8, fp4 and e4m3', eights('Float', 4), [1.366, 0.368, 0.675], 'Warn'],
  ['W4A8, int4 and int8', eights('Integer', 4), [1.609, 0.572, 0.589], 'Warn'],
  [
    'W4A4',
    { ...rounded(4), activations: { bits: 4, type: 'Integer' } },
    [4.56, 1.62, 0.373],
    'Refuse',
  ],
  ['16 bits, merged', rounded(16), [1.0016, 0.0015, 0.986], 'Pass'],
  ['8 bits that name 16', rounded(16), [1.005, 0.0126, 0.96], 'Refuse'],
];

test('of formats that were measured, those that the studies accept pass', (t) => {
  for (const [name, made, figures, verdict] of measured) {
    t.is(judge(evidence(made, figures), defaults).verdict, verdict, name);
  }
});

test('a large model has a quarter of the loss that a small one may have', (t) => {
  const figures = [1.019, 0.019, 0.917] as const;
  for (const [parameters, ratio, verdict] of [
    [999e6, 1.07, 'Pass'],
    [1e9, 1.07, 'Refuse'],
    [1e9, 1.019, 'Pass'],
  ] as const) {
    const found = judge(
      evidence(rounded(8), [ratio, figures[1], figures[2]], { parameters }),
      defaults,
    );
    t.is(found.verdict, verdict, `${parameters}, ${ratio}`);
  }
});

test('a limit inside the interval is a warning, whichever side the value is on; Strict refuses it', (t) => {
  for (const value of [0.0079, 0.0081]) {
    const doubtful = evidence(rounded(16), [1, value, 0.99], {
      divergence: { value, low: 0.0075, high: 0.0085 },
    });
    const { verdict, findings } = judge(doubtful, defaults);
    t.is(verdict, 'Warn');
    t.deepEqual(findings, [
      {
        ...{ gate: 'Format', verdict: 'Warn' },
        message: `GGUF, read back, has a KL divergence of ${value} (0.0075 to 0.0085) from the trained model on 2,048 held-out tokens; weights of 16 bits may have at most 0.008; chance alone may explain it`,
        hint: 'the file was written wrong: publish again, and report it if it is refused again',
      },
    ]);
    t.is(judge(doubtful, { ...defaults, profile: 'Strict' }).verdict, 'Refuse');
  }
});

test('rounding alone to 3 bits is refused by name, and to 2 bits everything but training', (t) => {
  const by = (weightBits: number, made: ResultClass['made']) =>
    refusedByName('GGUF', { weightBits, made }) === undefined;
  t.deepEqual(
    [4, 3, 2, 1].map((bits) =>
      (['Same', 'Training', 'Calibration', 'Rounding'] as const).map((made) => by(bits, made)),
    ),
    [
      [true, true, true, true],
      [true, true, true, false],
      [true, true, false, false],
      [true, true, false, false],
    ],
  );
  // What was searched for is measured, as what was calibrated.
  t.deepEqual(
    [3, 2].map((bits) => by(bits, 'Search')),
    [true, true],
  );
  t.is(
    refusedByName('GGUF', rounded(3))?.message,
    'GGUF has weights of 3 bits by rounding alone; so few bits need calibration or training',
  );
});

test('nothing that does not speak is published, whatever its bits and whatever the job allows', (t) => {
  const trained: ResultClass = { weightBits: 2, made: 'Training' };
  t.is(judge(evidence(trained, [1.9, 0.6, 0.6]), defaults).verdict, 'Pass');
  t.is(judge(evidence(trained, [2.1, 0.6, 0.6]), defaults).verdict, 'Refuse');
  t.is(judge(evidence(trained, [1.9, 0.6, 0.49]), defaults).verdict, 'Refuse');
  const lax = { maxPerplexityRatio: '2', maxDivergence: '10', minAgreement: '0.5' };
  const settings = { profile: 'Default', overrides: lax } as const;
  t.is(judge(evidence(rounded(4), [1.9, 3, 0.6]), settings).verdict, 'Pass');
  t.is(judge(evidence(rounded(4), [2.1, 3, 0.6]), settings).verdict, 'Refuse');
  t.is(judge(evidence(rounded(4), [1.9, 3, 0.4]), settings).verdict, 'Refuse');
});

test('limits of the job are taken as they are, without a factor for small models', (t) => {
  const set = (overrides: { maxDivergence?: string; minAgreement?: string }) =>
    judge(evidence(rounded(8), [1, 0.01, 0.95]), { profile: 'Default', overrides }).verdict;
  t.is(set({}), 'Pass');
  t.is(set({ maxDivergence: '0.01' }), 'Pass');
  t.is(set({ maxDivergence: '0.009' }), 'Refuse');
  t.is(set({ minAgreement: '0.96' }), 'Refuse');
});

test('a result that is worse than the base on held-out records is refused, in doubt a warning', (t) => {
  const harmed = (value: number, low: number, high: number, documents = 8) =>
    judge(
      evidence(rounded(16), [1, 0.001, 0.99], { harm: { value, low, high, documents } }),
      defaults,
    ).verdict;
  t.is(harmed(-0.1, -0.2, -0.01), 'Pass');
  t.is(harmed(0.3, 0.1, 0.5), 'Refuse');
  t.is(harmed(-0.1, -0.3, 0.1), 'Warn');
  t.is(harmed(0.1, -0.1, 0.3), 'Warn');
  // As much as rounding to the type may cost.
  t.is(harmed(0.015, 0.01, 0.019), 'Pass');
  // Of three documents no interval is worth its name.
  t.is(harmed(0.3, 0.1, 0.5, 3), 'Warn');
  t.is(harmed(-0.1, -0.3, 0.1, 3), 'Pass');
});

test('a file of other bits than its type makes is one of simulated bits', (t) => {
  const sized = (stored: number) =>
    judge(evidence(rounded(4), [1, 0, 1], { size: { stored, expected: 1000 } }), defaults);
  for (const bytes of [991, 1000, 1009]) t.is(sized(bytes).verdict, 'Pass', `${bytes}`);
  for (const bytes of [250, 989, 1011, 4000]) t.is(sized(bytes).verdict, 'Refuse', `${bytes}`);
  t.regex(
    sized(4000).findings[0]?.message ?? '',
    /4,000 bytes .* its type makes 1,000; .*simulates/,
  );
});

test('what is no number is refused, and written as JSON can have it', (t) => {
  const nothing = exactly(Number.NaN);
  const { verdict, checks } = judge(
    evidence(rounded(16), [Number.POSITIVE_INFINITY, 0, 1], { divergence: nothing }),
    defaults,
  );
  t.is(verdict, 'Refuse');
  t.deepEqual(
    checks.map(({ value }) => value),
    [null, null, 1],
  );
});

const followed = (artifact: number, low: number, high: number) => ({
  ...{ value: artifact / 20, low, high },
  followed: { asked: 64, trained: 20, artifact },
});

test('a file that follows clearly fewer instructions is refused, and one that follows fewer is told', (t) => {
  const judged = (instructions: Evidence['instructions']) =>
    judge(evidence(rounded(4), [1.02, 0.02, 0.9], { instructions }), defaults);
  t.is(judged(followed(20, 0.9, 1.1)).verdict, 'Pass');
  t.is(judged(followed(19, 0.8, 1.05)).verdict, 'Pass');
  t.is(judged(followed(18, 0.75, 1)).verdict, 'Warn');
  const { verdict, findings } = judged(followed(10, 0.3, 0.7));
  t.is(verdict, 'Refuse');
  t.is(
    findings[0]?.message,
    'GGUF, read back, follows 10 of 64 instructions and the trained model 20: 50.0 % (30.0 % to 70.0 %) of them; at least 95.0 % is wanted',
  );
});

test('answers vouch for a file whose tokens agree too little, but not for one that does not speak', (t) => {
  const judged = (agreement: number, instructions?: Evidence['instructions']) =>
    judge(evidence(rounded(4), [1.2, 0.25, agreement], { instructions }), defaults).verdict;
  t.is(judged(0.7), 'Warn');
  t.is(judged(0.7, followed(20, 0.9, 1.1)), 'Pass');
  t.is(judged(0.7, followed(18, 0.75, 1)), 'Warn');
  t.is(judged(0.4, followed(20, 0.9, 1.1)), 'Refuse');
});

test('an evaluation is told in one line, with its figures, or why it has none', (t) => {
  const { verdict, checks, findings } = judge(evidence(rounded(8), [1.0043, 0.00263, 0.981]), {
    ...defaults,
  });
  const own = { profile: 'Default' as const, leftOut: [], seconds: 1, verdict };
  const found = { ...own, checks: [...checks], findings: [...findings] };
  const data = { digest: 'd', sequences: 4, tokens: 1836, targetTokens: 1296, seed: 0 };
  t.is(
    evaluationWords({ ...found, data: { ...data, records: 'HeldOut' } }),
    'pass: perplexity × 1.0043, KL divergence 0.0026, agreement 98.1 % on 1,296 held-out tokens',
  );
  t.regex(
    evaluationWords({ ...found, verdict: 'Warn', data: { ...data, records: 'Trained' } }),
    /^pass with a warning: .* on 1,296 tokens that were trained on$/,
  );
  const finding = refusedByName('GGUF', rounded(2));
  t.regex(
    evaluationWords({ ...own, verdict: 'Refuse', checks: [], findings: finding ? [finding] : [] }),
    /^refused: GGUF has weights of 2 bits by rounding alone/,
  );
  t.is(
    evaluationWords({ profile: 'Disabled', leftOut: [], seconds: 0, checks: [], findings: [] }),
    'disabled, by spec.evaluation.profile',
  );
  const noise = 'everything: noise has no probabilities to compare';
  t.is(
    evaluationWords({
      ...{ profile: 'Default', leftOut: [noise], seconds: 0, checks: [], findings: [] },
    }),
    'none: noise has no probabilities to compare',
  );
  t.is(evaluationWords(undefined), 'none; an earlier version published it');
});
