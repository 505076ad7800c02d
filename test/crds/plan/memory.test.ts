import test from 'ava';
import fc from 'fast-check';
import { resolveMethod } from '../../../crds/methods/resolve.ts';
import {
  type MemoryPlan,
  type MemoryQuestion,
  planFor,
  planMemory,
  sumOf,
  type TapeMode,
} from '../../../crds/plan/memory.ts';
import { memoryConstants } from '../../../crds/plan/memory-constants.ts';
import { stagesOf } from '../../../crds/plan/memory-question.ts';
import { gemma2, llama8b, phi3mini, smol135 } from '../../builders/facts.ts';
import { aSpec } from '../../builders/job.ts';

const lora = resolveMethod({ preset: 'LoRA' });
const full = resolveMethod({ preset: 'Full' });
const gib = 2 ** 30;

function ask(changes: Partial<MemoryQuestion> = {}): MemoryQuestion {
  return {
    facts: smol135,
    method: lora,
    microBatchTokens: 512,
    perWave: 4,
    waves: 1,
    shards: 1,
    clip: 'Global',
    recomputation: 'Auto',
    learnedShare: 0.7,
    device: { type: 'cpu', bytes: 8 * gib },
    ...changes,
  };
}

const kept = (plan: MemoryPlan) => plan.blocks.filter((mode) => mode === 'keep').length;

const question = fc
  .record({
    facts: fc.constantFrom(smol135, llama8b, phi3mini, gemma2),
    method: fc.constantFrom(
      lora,
      full,
      resolveMethod({ preset: 'Full', optimizer: { type: 'SGD' } }),
      resolveMethod({ preset: 'QLoRA' }),
    ),
    microBatchTokens: fc.constantFrom(64, 512, 2048),
    perWave: fc.integer({ min: 1, max: 8 }),
    shards: fc.constantFrom(1, 2, 8),
    clip: fc.constantFrom('Global' as const, 'Block' as const, 'None' as const),
    learnedShare: fc.constantFrom(0.1, 1),
    gibs: fc.integer({ min: 1, max: 200 }),
    device: fc.constantFrom('cpu' as const, 'cuda' as const),
  })
  .map(({ gibs, device, ...rest }) =>
    ask({ ...rest, device: { type: device, bytes: gibs * gib } }),
  );

test('the parts add up to the peak, and a plan fits exactly when its peak does', (t) => {
  fc.assert(
    fc.property(question, (one) => {
      const plan = planMemory(one);
      const parts = Object.values(plan.parts);
      return (
        sumOf(plan.parts) === plan.peak &&
        parts.every((part) => Number.isInteger(part) && part >= 0) &&
        plan.fits === plan.peak <= one.device.bytes &&
        plan.blocks.length === one.facts.L
      );
    }),
  );
  t.pass();
});

test('blocks are kept from the last one down, and more memory never keeps fewer', (t) => {
  fc.assert(
    fc.property(question, (one) => {
      const plan = planMemory(one);
      const first = plan.blocks.indexOf('keep');
      if (first >= 0 && plan.blocks.slice(first).some((mode) => mode !== 'keep')) return false;
      const more = { ...one, device: { ...one.device, bytes: 2 * one.device.bytes } };
      return kept(planMemory(more)) >= kept(plan);
    }),
  );
  t.pass();
});

test('keeping one more block would go beyond the share of memory that tapes may fill', (t) => {
  fc.assert(
    fc.property(question, (one) => {
      const plan = planMemory(one);
      const count = kept(plan);
      if (count === one.facts.L) return;
      const next = plan.blocks.map(
        (mode, index): TapeMode => (index === one.facts.L - count - 1 ? 'keep' : mode),
      );
      if (!(planFor(one, next).peak > memoryConstants[one.device.type].usable * one.device.bytes)) {
        throw new Error(`${count} of ${one.facts.L} blocks are kept and another would fit`);
      }
    }),
  );
  t.pass();
});

test('more tokens, more micro-batches and more kept blocks never need less', (t) => {
  fc.assert(
    fc.property(question, (one) => {
      const lean = { ...one, recomputation: 'Full' } as const;
      const peak = planMemory(lean).peak;
      return (
        planMemory({ ...lean, microBatchTokens: 2 * lean.microBatchTokens }).peak >= peak &&
        planMemory({ ...lean, perWave: lean.perWave + 1 }).peak >= peak &&
        planMemory({ ...lean, recomputation: 'None' }).peak >= peak
      );
    }),
  );
  t.pass();
});

test('offloading holds no inputs on the device', (t) => {
  const one = ask({ device: { type: 'cuda', bytes: 80 * gib }, perWave: 16 });
  const modes = (mode: TapeMode) => new Array<TapeMode>(smol135.L).fill(mode);
  t.true(planFor(one, modes('offload')).peak < planFor(one, modes('recompute')).peak);
});

test('weights are those of the model in its type, and a LoRA job has little state', (t) => {
  const { parts } = planMemory(ask());
  t.is(parts.weights, 134_515_008 * 2 + 4_884_480 * memoryConstants.adapterBytes);
  t.is(parts.optimizer, 4_884_480 * memoryConstants.optimizer.AdamW);
});

test('full fine-tuning in bfloat16 has masters and means of every weight', (t) => {
  const { parts } = planMemory(ask({ method: full }));
  t.is(parts.weights, 134_515_008 * 2);
  t.is(parts.optimizer, 134_515_008 * (4 + 8));
  const rounded = resolveMethod({
    preset: 'Full',
    precision: { type: 'BFloat16', bfloat16: { masters: 'StochasticRounding' } },
    optimizer: { type: 'AdamW8bit' },
  });
  t.true(planMemory(ask({ method: rounded })).parts.optimizer < 134_515_008 * 2.1);
});

test('moments in bfloat16 take half of what float32 takes', (t) => {
  const short = resolveMethod({
    preset: 'Full',
    precision: { type: 'Float32' },
    optimizer: { type: 'AdamW', adamW: { moments: 'BFloat16' } },
  });
  t.is(planMemory(ask({ method: short })).parts.optimizer, 134_515_008 * 4);
});

test('clipping by block holds the gradient of one block instead of all', (t) => {
  const recompute = { method: full, recomputation: 'Full' } as const;
  const global = planMemory(ask({ ...recompute, clip: 'Global' }));
  const block = planMemory(ask({ ...recompute, clip: 'Block' }));
  t.true(block.peak < global.peak);
});

test('eight ranks share what one would hold', (t) => {
  const big = {
    facts: llama8b,
    method: full,
    microBatchTokens: 8192,
    perWave: 1,
    learnedShare: 1,
  } as const;
  const device = { type: 'cuda', bytes: 80 * gib } as const;
  const shared = planMemory(ask({ ...big, shards: 8, recomputation: 'Full', device }));
  // worker.md 5: about 26 GB for 8B in bfloat16 with float32 masters and means on 8 ranks.
  t.true(shared.peak > 20 * gib && shared.peak < 32 * gib, `${shared.peak / gib} GiB`);
  t.false(planMemory(ask({ ...big, shards: 1, device })).fits);
});

const stages = {
  ...{ evaluationTokens: 512, sampleTokens: 128 },
  formats: ['PEFTAdapter', 'MergedSafetensors', 'GGUF'],
} as const;

test('the peak is that of the largest stage, and every stage that a job has is told, steps first', (t) => {
  fc.assert(
    fc.property(question, (one) => {
      const plan = planMemory({ ...one, stages });
      const names = plan.stages.map(({ stage }) => stage);
      const expected = ['Step', 'Evaluate', 'Sample'];
      if (one.device.type === 'cpu') expected.push('Publish');
      t.deepEqual(names, expected);
      const worst = Math.max(...plan.stages.map(({ peak }) => peak));
      for (const { parts, peak } of plan.stages) t.is(sumOf(parts), peak);
      return (
        plan.peak === worst &&
        plan.stages.some(({ stage, peak }) => stage === plan.stage && peak === worst) &&
        plan.fits === worst <= one.device.bytes
      );
    }),
  );
});

test('other stages do not change what steps keep', (t) => {
  fc.assert(
    fc.property(question, (one) => {
      const asked = { ...stages, sampleTokens: undefined } as object as typeof stages;
      t.deepEqual(planMemory({ ...one, stages: asked }).blocks, planMemory(one).blocks);
    }),
  );
});

test('a short training of a large model is at its peak where the result is read back', (t) => {
  const little = ask({ facts: llama8b, microBatchTokens: 16, perWave: 1, recomputation: 'Full' });
  const merged = planMemory({ ...little, stages: { formats: ['MergedSafetensors'] } });
  t.is(merged.stage, 'Publish');
  // The trained model, and the copy that was read back.
  t.true(merged.peak > 2 * 8e9 * 2);
  const adapter = planMemory({ ...little, stages: { formats: ['PEFTAdapter'] } });
  t.true(adapter.peak < merged.peak / 1.5, 'the base of an adapter is not read again');
  t.is(planMemory({ ...little, stages: { formats: [] } }).stages.length, 1);
});

test('the stages of a job follow from what it asks for', (t) => {
  t.deepEqual(stagesOf(aSpec(), 512), { formats: ['PEFTAdapter'] });
  const spec = aSpec({
    'dataset.heldOut': { samples: 4 },
    'training.samples': { prompts: ['abc', 'x'.repeat(301)], maxTokens: 10 },
    method: { preset: 'Full' },
  });
  t.deepEqual(stagesOf(spec, 512), {
    evaluationTokens: 512,
    // A third of the characters, a template, and the answer.
    sampleTokens: 101 + 64 + 10,
    formats: ['MergedSafetensors'],
  });
  t.deepEqual(stagesOf(aSpec({ 'output.formats': ['GGUF'] }), 512), { formats: ['GGUF'] });
});

test('a quantised base saves its weights and nothing else', (t) => {
  const dense = planMemory(ask({ facts: llama8b, recomputation: 'Full' })).parts;
  const plan = (base: 'NF4' | 'Int8', changes: Partial<MemoryQuestion> = {}) =>
    planMemory(
      ask({
        ...{ facts: llama8b, recomputation: 'Full' },
        method: resolveMethod({ preset: 'QLoRA', base: { type: base } }),
        ...changes,
      }),
    ).parts;
  const linears = 32 * 218_103_808;
  const saved = dense.weights - plan('NF4').weights;
  // 16 bits become 4.127.
  t.true(Math.abs(saved / ((linears * (16 - 4.127)) / 8) - 1) < 1e-3, `${saved}`);
  t.true(plan('Int8').weights > plan('NF4').weights);
  t.deepEqual({ ...plan('NF4'), weights: 0 }, { ...dense, weights: 0 });
  const halved = plan('NF4', { shards: 2 });
  t.true(halved.weights < 0.51 * plan('NF4').weights);
});
