import test from 'ava';
import { UserError } from '../../../crds/failures/errors.ts';
import { resolveMethod } from '../../../crds/methods/resolve.ts';
import { formBits, formInWords, formsOf } from '../../../crds/plan/mixed-forms.ts';
import { linearsOf } from '../../../crds/plan/parameters.ts';
import { requireSplittable } from '../../../crds/plan/quantize-bytes.ts';
import { quantizedBlock } from '../../../crds/plan/quantized-base.ts';
import { matrixBytes } from '../../../crds/plan/quantized-matrix.ts';
import { requireWholeWords } from '../../../crds/plan/whole-groups.ts';
import { llama8b, smol135 } from '../../builders/facts.ts';

type Base = NonNullable<Parameters<typeof resolveMethod>[0]['base']>;
const methodOf = (base: Base) => resolveMethod({ adapter: { type: 'LoRA' }, base });

function bits(base: Base): number {
  const { values, bytes } = quantizedBlock(llama8b, methodOf(base));
  return (8 * bytes) / values;
}

/** Headers and maps of seven matrices among 218 million values. */
const closely = 1e-3;

test('bits a weight are those of the formats', (t) => {
  const near = (found: number, expected: number) =>
    t.true(found >= expected && found < expected + closely, `${found} beside ${expected}`);
  near(bits({ type: 'NF4' }), 4 + 8 / 64 + 32 / (64 * 256));
  near(bits({ type: 'NF4', nf4: { scales: 'Float32' } }), 4 + 32 / 64);
  near(bits({ type: 'NF4', nf4: { blockSize: 128 } }), 4 + 8 / 128 + 32 / (128 * 256));
  near(bits({ type: 'Int8', int8: { groupSize: 128 } }), 8 + 32 / 128);
  near(bits({ type: 'Int4' }), 4 + (16 + 8) / 64);
  // A scale for each of 45,056 rows and more.
  const rows = linearsOf(llama8b).reduce((sum, { out }) => sum + out, 0);
  near(
    bits({ type: 'Int8' }),
    8 + (32 * rows) / quantizedBlock(llama8b, methodOf({ type: 'Int8' })).values,
  );
});

test('a dense base has no quantised weights, another has those of all linear layers', (t) => {
  t.deepEqual(quantizedBlock(smol135, methodOf({ type: 'Dense' })), { values: 0, bytes: 0 });
  const { values } = quantizedBlock(smol135, methodOf({ type: 'Int4' }));
  t.is(
    values,
    linearsOf(smol135).reduce((sum, linear) => sum + linear.out * linear.in, 0),
  );
});

test('sections of a matrix begin at whole multiples of 64 bytes', (t) => {
  const { base } = methodOf({ type: 'NF4', nf4: { blockSize: 32 } });
  if (base.type !== 'NF4') throw new Error('another base');
  // 48 bytes of codes, 3 scales, 1 scale of scales.
  t.is(matrixBytes({ out: 1, in: 96 }, base), 128 + 64 + 64 + 64 + 1024);
});

test('words of a layout hold whole rows', (t) => {
  const linears = linearsOf({ ...smol135, I: 1000 });
  for (const [form, sentence] of [
    ['GPTQ', /GPTQ, whose words hold inputs in multiples of 32; down_proj of this model has 1000/],
    ['AWQ', null],
    ['CompressedTensors', null],
  ] as const) {
    const check = () => requireWholeWords(linears, [form]);
    if (sentence === null) t.notThrows(check);
    else t.regex(t.throws(check, { instanceOf: UserError })?.message ?? '', sentence);
  }
});

test('channels are not split where MLPs have biases', (t) => {
  const biased = { ...llama8b, bias: { qkv: false, o: false, mlp: true } };
  t.notThrows(() => requireSplittable(biased, { splitChannels: 0 }));
  t.notThrows(() => requireSplittable(llama8b, { splitChannels: 8 }));
  const refused = t.throws(() => requireSplittable(biased, { splitChannels: 8 }));
  t.regex(refused?.message ?? '', /MLPs of this model have biases/);
});

test('a group that does not divide a layer is refused, with the largest that does', (t) => {
  const refused = (base: Base) =>
    t.throws(() => quantizedBlock(smol135, methodOf(base)), { instanceOf: UserError });
  const nf4 = refused({ type: 'NF4', nf4: { blockSize: 128 } });
  t.is(
    nf4?.message,
    'spec.method.base.nf4.blockSize is 128; it must divide the inputs of each linear layer, and q_proj of this model has 576',
  );
  t.is(nf4?.hint, '64 divides all of them');
  t.regex(
    refused({ type: 'Int8', int8: { groupSize: 512 } })?.message ?? '',
    /int8\.groupSize is 512/,
  );
  const narrow = { ...smol135, I: 1000 };
  const none = t.throws(() => quantizedBlock(narrow, methodOf({ type: 'Int4' })), {
    instanceOf: UserError,
  });
  t.regex(none?.message ?? '', /int4\.groupSize is 64; .*down_proj of this model has 1000/);
  t.regex(none?.hint ?? '', /no size divides all layers of this model; .*Int8/);
  t.true(quantizedBlock(narrow, methodOf({ type: 'Int8' })).bytes > 0);
});

test('forms of a mix have the bits of their layouts, and a budget below all of them is refused', (t) => {
  for (const linear of linearsOf(smol135)) {
    for (const form of formsOf(linear)) {
      const bytes = formBits(linear, form) / 8;
      const own = matrixBytes(linear, form);
      // The header, the map of double quantization, and ends of sections.
      t.true(own >= bytes && own <= bytes + 128 + 1024 + 5 * 64, formInWords(form));
    }
  }
  const mixed = (averageBits: string) => methodOf({ type: 'Mixed', mixed: { averageBits } });
  const { bytes, values } = quantizedBlock(smol135, mixed('3.25'));
  t.is(bytes, (3.25 / 8) * values + 7 * 128);
  const refused = t.throws(() => quantizedBlock(smol135, mixed('2.3')), { instanceOf: UserError });
  t.regex(
    refused?.message ?? '',
    /averageBits is 2\.3; with scales, this model has 2\.3\d+ bits a weight/,
  );
});
