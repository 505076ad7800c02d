import test from 'ava';
import fc from 'fast-check';
import { method as methodSchema } from '../../../crds/api/method.ts';
import { status } from '../../../crds/api/status.ts';
import { methodInWords, methodName, methodStatus } from '../../../crds/methods/in-words.ts';
import { axisEntries, presets } from '../../../crds/methods/index.ts';
import { axisNames } from '../../../crds/methods/method.ts';
import { resolveMethod } from '../../../crds/methods/resolve.ts';

const resolve = (written: unknown) => resolveMethod(methodSchema.parse(written));

test('values of SpIEL grow as its optimizer has it, unless the job says how', (t) => {
  const growth = (written: unknown) => {
    const { adapter } = resolve(written);
    return adapter.type === 'SpIEL' ? adapter.spiel.growth : adapter.type;
  };
  t.is(growth({ preset: 'SpIEL' }), 'AccumulatedGradient');
  t.is(growth({ preset: 'SpIEL', optimizer: { type: 'SM3' } }), 'MomentumApproximation');
  t.is(growth({ preset: 'SpIELMA' }), 'MomentumApproximation');
  const asked = { type: 'SpIEL', spiel: { growth: 'AccumulatedGradient' } };
  t.is(growth({ adapter: asked, optimizer: { type: 'SM3' } }), 'AccumulatedGradient');
});

test('a preset sets its axes and defaults fill the rest', (t) => {
  t.deepEqual(resolve({ preset: 'LoRA' }), {
    precision: { type: 'BFloat16', bfloat16: { masterWeights: 'Float32' } },
    base: { type: 'Dense' },
    adapter: {
      type: 'LoRA',
      lora: {
        rank: 16,
        dropout: '0',
        targetModules: ['AllLinear'],
        scaling: 'Standard',
        learningRateRatio: '1',
        initialization: 'KaimingUniform',
      },
    },
    selection: { type: 'All' },
    optimizer: {
      type: 'AdamW',
      adamW: { betas: ['0.9', '0.999'], epsilon: '1e-8', weightDecay: '0' },
    },
    rule: { type: 'None' },
    fullModules: [],
  });
  t.deepEqual(resolve({ preset: 'LoRA', fullModules: ['norm', 'lm_head', 'norm'] }).fullModules, [
    'lm_head',
    'norm',
  ]);
});

test('what the job writes wins over the preset, parameter by parameter', (t) => {
  const { adapter } = resolve({
    preset: 'LoRAPlus',
    adapter: { type: 'LoRA', lora: { rank: 64 } },
  });
  t.like(adapter, { type: 'LoRA', lora: { rank: 64, learningRateRatio: '16' } });
});

test('another type than that of the preset drops the parameters of the preset', (t) => {
  t.deepEqual(resolve({ preset: 'LoRAPlus', adapter: { type: 'None' } }).adapter, { type: 'None' });
});

test('without a preset, absent axes take the first entry of their list', (t) => {
  const resolved = resolve({ adapter: { type: 'None' } });
  for (const axis of axisNames) t.is(resolved[axis].type, axisEntries[axis][0].type);
});

test('every preset is itself a valid method, and resolves to the types that it names', (t) => {
  for (const { preset, axes } of presets) {
    t.true(methodSchema.safeParse(axes).success, preset);
    const resolved = resolve({ preset });
    for (const [axis, value] of Object.entries(axes)) {
      t.like(resolved[axis as 'base'], { type: value.type as 'Dense' }, preset);
    }
  }
});

test('resolving what was resolved changes nothing', (t) => {
  const written = fc.record({
    preset: fc.constantFrom('LoRA', 'LoRAPlus', 'QLoRA', 'Full'),
    adapter: fc.constantFrom(
      { type: 'None' },
      { type: 'LoRA' },
      { type: 'LoRA', lora: { rank: 3, alpha: '9' } },
    ),
    optimizer: fc.constantFrom({ type: 'SGD', sgd: { momentum: '0.9' } }, { type: 'AdamW8bit' }),
    precision: fc.constantFrom({ type: 'Float32' }, { type: 'BFloat16' }),
  });
  fc.assert(
    fc.property(written, (one) => {
      const once = resolve(one);
      t.deepEqual(resolve(once), once);
    }),
  );
});

test('a method is told in a few words', (t) => {
  t.is(
    methodInWords(resolve({ preset: 'LoRA' })),
    'LoRA r=16 on all linear layers, AdamW, bfloat16',
  );
  t.is(
    methodInWords(resolve({ preset: 'QLoRA' })),
    'LoRA r=16 on all linear layers of an NF4 base, AdamW, bfloat16',
  );
  t.is(
    methodInWords(
      resolve({ preset: 'Full', precision: { type: 'Float32' }, optimizer: { type: 'SGD' } }),
    ),
    'all weights, SGD, float32',
  );
  t.is(
    methodInWords(resolve({ preset: 'LISA' })),
    'all weights, 2 blocks at a time by LISA, AdamW, bfloat16',
  );
  t.is(methodInWords(resolve({ preset: 'GaLore' })), 'all weights, GaLore r=quarter, bfloat16');
  const pv = (pvTuning: object) =>
    methodInWords(
      resolve({ preset: 'PVTuning', optimizer: { type: 'PVTuning', pvTuning } } as never),
    );
  t.is(pv({}), 'all weights in 2x8g8 codes, PV-Tuning, bfloat16');
  t.is(pv({ maxCodeChange: '1' }), 'all weights in 2x8g8 codes, straight-through codes, bfloat16');
  t.is(
    pv({ updateCodebooks: false }),
    'all weights in 2x8g8 codes, PV-Tuning with fixed codebooks, bfloat16',
  );
  t.is(
    pv({ updateCodes: false }),
    'all weights in 2x8g8 codes, PV-Tuning with fixed codes, bfloat16',
  );
  const one = { type: 'LISA', lisa: { activeLayers: 1 } };
  t.is(
    methodInWords(resolve({ preset: 'LoRA', selection: one })),
    'LoRA r=16 on all linear layers, 1 block at a time by LISA, AdamW, bfloat16',
  );
});

test('tables name a method by its adapter, else by what moves', (t) => {
  const name = (written: unknown) => methodName(resolve(written));
  t.is(name({ preset: 'Full' }), 'full');
  t.is(name({ preset: 'LISA' }), 'lisa');
  t.is(name({ preset: 'LoRA', selection: { type: 'LISA' } }), 'lora');
});

test('a resolved method fits into status', (t) => {
  const shown = methodStatus(resolve({ preset: 'LoRAPlus' }), 'LoRAPlus');
  t.true(status.safeParse({ plan: { method: shown } }).success);
  t.is(shown.adapter.parameters?.['learningRateRatio'], '16');
});

test('a method has a short name for tables', (t) => {
  const nameOf = (written: unknown) => methodName(resolve(written));
  t.is(nameOf({ preset: 'LoRAPlus' }), 'lora');
  t.is(nameOf({ preset: 'QLoRA', base: { type: 'Int8' } }), 'qlora');
  t.is(nameOf({ preset: 'Full' }), 'full');
  t.is(nameOf({ preset: 'Full', base: { type: 'FakeQuantized' } }), 'qat');
  t.is(nameOf({ preset: 'L4Q' }), 'qat-lora');
  t.is(nameOf({ preset: 'PEQA' }), 'peqa');
  t.is(nameOf({ preset: 'AdaPT' }), 'adapt');
  t.is(nameOf({ preset: 'PVTuning' }), 'pv-tuning');
});

test('QLoRA is NF4 in blocks of 64 with quantised scales, and a job may say otherwise', (t) => {
  t.deepEqual(resolve({ preset: 'QLoRA' }).base, {
    type: 'NF4',
    nf4: { blockSize: 64, scales: 'DoubleQuantized' },
  });
  t.deepEqual(resolve({ preset: 'QLoRA', base: { type: 'Int4', int4: { groupSize: 32 } } }).base, {
    type: 'Int4',
    int4: { groupSize: 32, range: 'Asymmetric' },
  });
});
