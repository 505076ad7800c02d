import test from 'ava';
import fc from 'fast-check';
import {
  adapterShape,
  calibrationOf,
  fisherBatches,
  readsGradient,
} from '../../../crds/methods/adapter-traits.ts';
import { presets } from '../../../crds/methods/index.ts';
import { trainsNothing } from '../../../crds/methods/no-training.ts';
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
import { type ResultForm, stagesOf } from '../../../crds/plan/memory-question.ts';
import { trainedOf } from '../../../crds/plan/parameters.ts';
import { prunedSizes } from '../../../crds/plan/pruned-sizes.ts';
import { gemma2, gemma270m, llama8b, phi3mini, smol135 } from '../../builders/facts.ts';
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
    targetShare: 0.7,
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
    targetShare: fc.constantFrom(0.1, 1),
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
  const modes = (mode: TapeMode) => new Array<TapeMode>(smol135.L).fill(mode);
  for (const type of ['cpu', 'cuda'] as const) {
    const one = ask({ device: { type, bytes: 80 * gib }, perWave: 16 });
    const { L, H } = smol135;
    const inputs = L * 16 * 512 * H * 2;
    const saved = planFor(one, modes('recompute')).peak - planFor(one, modes('offload')).peak;
    // The head is the moment of the peak, where all of them would wait.
    t.true(saved > 0.9 * inputs && saved <= inputs * 1.06, `${saved} of ${inputs}`);
    t.deepEqual(planMemory({ ...one, recomputation: 'Offload' }).blocks, modes('offload'));
  }
});

test('inputs are offloaded when running blocks again is not enough, and no more of them than must be', (t) => {
  const many = ask({ perWave: 64 });
  const full = planMemory({ ...many, recomputation: 'Full' });
  const tight = { ...many, device: { type: 'cpu' as const, bytes: full.peak - 2 ** 28 } };
  const plan = planMemory(tight);
  const offloaded = plan.blocks.filter((mode) => mode === 'offload').length;
  t.true(plan.fits);
  t.true(offloaded > 0 && offloaded < smol135.L);
  t.is(kept(plan), 0);
  const fewer = plan.blocks.map((mode, at) => (at === offloaded - 1 ? 'recompute' : mode));
  t.false(planFor(tight, fewer).fits);
});

test('weights are those of the model in its type, and a LoRA job has little state', (t) => {
  const { parts } = planMemory(ask());
  t.is(parts.weights, 134_515_008 * 2 + 4_884_480 * memoryConstants.adapterBytes);
  t.is(parts.optimizer, 4_884_480 * memoryConstants.optimizer.AdamW);
});

test('full fine-tuning in bfloat16 has master weights and moments of every weight', (t) => {
  const { parts } = planMemory(ask({ method: full }));
  t.is(parts.weights, 134_515_008 * 2);
  t.is(parts.optimizer, 134_515_008 * (4 + 8));
  const rounded = resolveMethod({
    preset: 'Full',
    precision: { type: 'BFloat16', bfloat16: { masterWeights: 'StochasticRounding' } },
    optimizer: { type: 'AdamW8bit' },
  });
  t.true(planMemory(ask({ method: rounded })).parts.optimizer < 134_515_008 * 2.1);
});

const lisaOf = (lisa: object, written: object = {}) =>
  resolveMethod({ preset: 'LISA', selection: { type: 'LISA', lisa }, ...written });

test('LISA has state for the blocks that are drawn, and for all in the end where state is kept', (t) => {
  // 28,312,128 tied values outside the blocks with the last norm, 3,540,096 in each of 30.
  const [embedding, norm, block] = [49_152 * 576, 576, 3_540_096];
  const state = (lisa: object) => planMemory(ask({ method: lisaOf(lisa) })).parts.optimizer;
  t.is(state({}), (embedding + norm + 2 * block) * (4 + 8));
  t.is(state({ activeLayers: 4 }), (embedding + norm + 4 * block) * 12);
  t.is(state({ trainEmbeddings: false }), (norm + 2 * block) * 12);
  t.is(state({ trainEmbeddings: false, trainFinalNorm: false }), 2 * block * 12);
  t.is(state({ state: 'Reset' }), state({}));
  t.is(state({ state: 'Keep' }), 134_515_008 * 12);
  t.is(state({ activeLayers: 30 }), 134_515_008 * 12);
});

test('LISA holds the gradients of the blocks that move, wherever they stand, and its weights as full training does', (t) => {
  const lean = { recomputation: 'Full', microBatchTokens: 64, perWave: 1 } as const;
  const ratio = (activeLayers: number) =>
    planMemory(ask({ ...lean, method: lisaOf({ activeLayers, trainEmbeddings: false }) })).parts
      .gradients;
  const block = 3_540_096;
  const { parts } = planMemory(ask({ ...lean, method: lisaOf({ trainEmbeddings: false }) }));
  t.is(parts.weights, 134_515_008 * 2);
  // Of 16 bits each, beside the norm's in 32.
  t.true(Math.abs(ratio(6) - ratio(2) - 4 * block * 2) <= 576 * 4);
  t.is(ratio(30), ratio(40));
});

const galoreOf = (galore: object, written: object = {}) =>
  resolveMethod({ preset: 'GaLore', optimizer: { type: 'GaLore', galore }, ...written });

test('GaLore has means of the size of the subspace and a basis for each matrix, plain means for the rest', (t) => {
  const precision = { type: 'BFloat16', bfloat16: { masterWeights: 'StochasticRounding' } };
  const state = (galore: object, written: object = {}) =>
    planMemory(ask({ method: galoreOf(galore, { precision, ...written }) })).parts.optimizer;
  // q and o 576 x 576, k and v 192 x 576, gate and up 1536 x 576, down 576 x 1536.
  const rank = 16;
  const low = rank * (2 * 576 + 2 * 576 + 3 * 1536);
  const bases = rank * (2 * 576 + 2 * 192 + 3 * 576) * 4;
  const plain = 30 * 2 * 576 + 576 + 49_152 * 576;
  t.is(state({ rank }), 30 * (low * 8 + bases) + plain * 8);
  t.is(state({ rank, moments: 'BFloat16' }), 30 * (low * 4 + bases) + plain * 4);
  t.is(
    state({ rank }, { precision: { type: 'BFloat16' } }) - state({ rank }),
    134_515_008 * 4,
    'masterWeights',
  );
  const owlore = { selection: { type: 'LISA', lisa: { activeLayers: 5 } } };
  t.is(state({ rank }, owlore), 5 * (low * 8 + bases + 2 * 576 * 8) + (49_152 * 576 + 576) * 8);
  t.is(state({ rank: 60_000 }), state({ rank: 576 }));
  t.true(state({}) < planMemory(ask({ method: full })).parts.optimizer / 2);
});

test('Q-GaLore has a basis in 4 bits and moments in 8', (t) => {
  const optimizer = { type: 'QGaLore', qGalore: { rank: 16 } } as const;
  const { parts } = planMemory(ask({ method: resolveMethod({ preset: 'QGaLore', optimizer }) }));
  const low = 30 * 16 * (2 * 576 + 2 * 576 + 3 * 1536);
  const bases = 30 * 16 * (2 * 576 + 2 * 192 + 3 * 576);
  const plain = 30 * 2 * 576 + 576 + 49_152 * 576;
  t.is(parts.optimizer, Math.ceil((low + plain) * (2 + 8 / 256) + bases * (0.5 + 5 / 192)));
});

test('trained weights in 8 bits take a byte and a little, and every pass makes matrices of its own of them', (t) => {
  const [matrices, vectors] = [30 * 3_538_944, 30 * 1152 + 576 + 49_152 * 576];
  const int8 = { type: 'BFloat16', bfloat16: { trainedWeights: 'Int8' } } as const;
  const of = (precision: object) =>
    planMemory(
      ask({ recomputation: 'Full', method: resolveMethod({ preset: 'Full', precision } as never) }),
    );
  const coded = of(int8);
  t.is(coded.parts.weights, Math.ceil(matrices * (1 + 5 / 192) + vectors * 2));
  // MasterWeights are for what is not coded.
  t.is(coded.parts.optimizer, (matrices + vectors) * 8 + vectors * 4);
  t.true(coded.peak < of({ type: 'BFloat16' }).peak);
});

test('codes into codebooks take two bits a weight, and PV-Tuning keeps what its settings need', (t) => {
  const [matrices, vectors] = [30 * 3_538_944, 30 * 1152 + 576 + 49_152 * 576];
  // Seven matrices a block: two codebooks of 256 vectors of 8, and a scale a row.
  const values = 30 * (7 * 2 * 256 * 8 + 2 * 576 + 2 * 192 + 2 * 1536 + 576);
  const of = (pvTuning: object = {}, rest: object = {}) => {
    const optimizer = { type: 'PVTuning', pvTuning };
    const method = resolveMethod({ preset: 'PVTuning', optimizer, ...rest } as never);
    return planMemory(ask({ recomputation: 'Full', method })).parts;
  };
  t.is(of().weights, matrices / 4 + 4 * values + 2 * vectors);
  const dense = vectors * (8 + 4);
  t.is(of().optimizer, 8 * matrices + 8 * values + dense);
  t.is(of({ deltaDecay: '1' }).optimizer, 4 * matrices + 8 * values + dense);
  t.is(of({ codeBetas: ['0.9', '0.95'] }).optimizer, 12 * matrices + 8 * values + dense);
  t.is(of({ updateCodes: false }).optimizer, 8 * values + dense);
  t.is(of({ updateCodebooks: false }).optimizer, 8 * matrices + dense);
  t.is(of({ betas: ['0', '0.95'] }).optimizer, 8 * matrices + 4 * values + vectors * (4 + 4));
  const two = of({}, { selection: { type: 'LISA', lisa: { trainEmbeddings: false } } });
  const block = (8 * matrices + 8 * values) / 30 + 1152 * 12;
  t.is(two.optimizer, 2 * block + 576 * 12);
});

test('LISA on adapters has the state of the adapters of the drawn blocks', (t) => {
  const method = resolveMethod({ preset: 'LoRA', selection: { type: 'LISA' } });
  const { parts } = planMemory(ask({ method }));
  t.is(parts.optimizer, (2 * 4_884_480 * 8) / 30);
  t.is(parts.weights, planMemory(ask()).parts.weights);
});

test('a frozen embedding stays in the 16 bits of its file in a float32 model', (t) => {
  const precision = { type: 'Float32' };
  const weights = (trainEmbeddings: boolean) =>
    planMemory(
      ask({
        storedBfloat16: 134_479_872,
        method: lisaOf({ trainEmbeddings, trainFinalNorm: trainEmbeddings }, { precision }),
      }),
    ).parts.weights;
  t.is(weights(true) - weights(false), 2 * (49_152 * 576 + 576));
});

test('moments in bfloat16 take half of what float32 takes', (t) => {
  const short = resolveMethod({
    preset: 'Full',
    precision: { type: 'Float32' },
    optimizer: { type: 'AdamW', adamW: { moments: 'BFloat16' } },
  });
  t.is(planMemory(ask({ method: short })).parts.optimizer, 134_515_008 * 4);
});

test('records that are clipped one by one have a sum in float64 and a gradient of their own', (t) => {
  const asked = { method: lora, recomputation: 'None' } as const;
  const plain = planMemory(ask(asked));
  const own = planMemory(ask({ ...asked, clipsRecords: true }));
  t.is(own.parts.workspace - plain.parts.workspace, 12 * trainedOf(smol135, lora).total);
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
    targetShare: 1,
  } as const;
  const device = { type: 'cuda', bytes: 80 * gib } as const;
  const shared = planMemory(ask({ ...big, shards: 8, recomputation: 'Full', device }));
  // worker.md 5: about 26 GB for 8B in bfloat16 with float32 master weights and moments on 8 ranks.
  t.true(shared.peak > 20 * gib && shared.peak < 32 * gib, `${shared.peak / gib} GiB`);
  t.false(planMemory(ask({ ...big, shards: 1, device })).fits);
});

test('ranks keep codes of the blocks that are whole, and those that a kept tape has hold of', (t) => {
  const halo = resolveMethod({ preset: 'HALO' });
  const linears = 3_538_944;
  const plan = (shards: number, mode: TapeMode) =>
    planFor(ask({ method: halo, shards }), new Array<TapeMode>(30).fill(mode)).parts;
  const dense = 2 * 30 * linears;
  const bfloat16 = resolveMethod({ preset: 'Full' });
  const plain = planFor(ask({ method: bfloat16 }), new Array<TapeMode>(30).fill('recompute')).parts;
  t.is(plan(1, 'recompute').weights - plain.weights, dense / 2, 'of all blocks, alone');
  const [alone, shared] = [plan(1, 'keep'), plan(2, 'keep')];
  // Half of the micro-batches are the same here: what is kept between the passes differs by codes.
  t.is(shared.activations - alone.activations, dense / 2);
  t.is(Math.ceil(plain.weights / 2), plan(2, 'recompute').weights);
});

test('codes travel as they are: two whole blocks of them take less than of values', (t) => {
  const coded = resolveMethod({
    preset: 'Full',
    precision: { type: 'BFloat16', bfloat16: { trainedWeights: 'Int8' } },
  });
  const blocks = new Array<TapeMode>(30).fill('recompute');
  const [two, three] = [2, 3].map(
    (shards) => planFor(ask({ method: coded, shards }), blocks).parts,
  );
  const one = planFor(ask({ method: coded }), blocks).parts;
  const outside = 2 * (49_152 * 576 + 576);
  const ofBlocks = one.weights - outside;
  t.true(Math.abs(two!.weights - ofBlocks / 2 - outside / 2) <= 1 + 2 * 30 * 1152);
  const part = 1_216_512 / 3_538_944;
  t.true(Math.abs(three!.weights - ofBlocks * part - outside / 3) <= 1 + 2 * 30 * 1152);
});

const stages = {
  ...{ evaluationTokens: 512, sampleTokens: 128 },
  formats: ['PEFTAdapter', 'MergedSafetensors', 'GGUF'],
  ggufType: 'BF16',
} as const;

const weighed = resolveMethod({
  ...{ preset: 'LQLoRA', adapter: { type: 'LQLoRA', lqLora: { fisherBatches: 2 } } },
});
const anyMethod = fc.constantFrom(
  ...presets.map(({ preset }) => resolveMethod({ preset })),
  weighed,
);

test('the peak is that of the largest stage, and every stage that a job has is told, steps first if there are any', (t) => {
  fc.assert(
    fc.property(question, anyMethod, (asked, method) => {
      const one = { ...asked, method };
      const plan = planMemory({ ...one, stages });
      const names = plan.stages.map(({ stage }) => stage);
      const isHere = one.device.type === 'cpu';
      const ofGradients = readsGradient(method) || fisherBatches(method) > 0;
      const passes = ofGradients || calibrationOf(method) !== null;
      const ofWeights = adapterShape(method, one.facts)?.decomposing ?? null;
      const { base } = method;
      const ofInputs =
        (base.type === 'Integer' && base.integer.calibrationSequences > 0) ||
        (base.type === 'Codebook' && base.codebook.calibrationSequences > 0);
      const decomposes = passes || (isHere && (ofWeights !== null || ofInputs));
      const expected = [
        ...(trainsNothing(method) ? [] : ['Step']),
        ...(decomposes ? ['Decompose'] : []),
        ...['Evaluate', 'Sample'],
      ];
      if (isHere) expected.push('Publish');
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

test('gradients before a base is quantized are those of all its weights in 16 bits', (t) => {
  const decompose = (method: MemoryQuestion['method']) => {
    const found = planMemory({ ...ask({ method }), stages }).stages.find(
      ({ stage }) => stage === 'Decompose',
    );
    if (found === undefined) throw new Error('it decomposes');
    return found.parts;
  };
  const plain = decompose(resolveMethod({ preset: 'LQLoRA' }));
  const { weights, activations, gradients } = decompose(weighed);
  t.true(weights >= 2 * 134_515_008 && plain.weights < 134_515_008, `${weights}`);
  t.deepEqual([plain.activations, plain.gradients], [0, 0]);
  t.true(activations > 0 && gradients >= 4 * 3_538_944, `${activations}, ${gradients}`);
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
  const published = (formats: readonly ResultForm[]) =>
    planMemory({ ...little, stages: { formats, ggufType: 'BF16' } });
  const merged = published(['MergedSafetensors']);
  t.is(merged.stage, 'Publish');
  // The trained model, and the copy that was read back.
  t.true(merged.peak > 2 * 8e9 * 2);
  const adapter = published(['PEFTAdapter']);
  t.true(adapter.peak < merged.peak / 1.5, 'the base of an adapter is not read again');
  t.is(published([]).stages.length, 1);
});

/**
 * As measured on a model of the shape of Gemma-3-270M, bfloat16 with LoRA of rank 16 on all
 * linears, MiB.
 */
const publishedMiB = [
  [{ formats: ['PEFTAdapter'], ggufType: 'BF16' }, 878],
  [{ formats: ['MergedSafetensors'], ggufType: 'BF16' }, 1232],
  [{ formats: ['GGUF'], ggufType: 'F16' }, 1253],
  [{ formats: ['GGUF'], ggufType: 'BF16' }, 1255],
  [{ formats: ['GGUF'], ggufType: 'Q8_0' }, 1258],
  [{ formats: ['MergedSafetensors', 'GGUF'], ggufType: 'F16' }, 1242],
] as const;

test('of a large vocabulary each form is planned by itself, within 5 % of what it took', (t) => {
  const precision = { type: 'BFloat16' } as const;
  const method = resolveMethod({
    preset: 'LoRA',
    precision,
    adapter: { type: 'LoRA', lora: { rank: 16 } },
  });
  for (const [asked, measured] of publishedMiB) {
    const one = ask({ facts: gemma270m, storedBfloat16: 268_098_176, method, stages: asked });
    const planned = (planMemory(one).stages.at(-1)?.peak ?? 0) / 2 ** 20;
    t.true(Math.abs(measured / planned - 1) < 0.05, `${JSON.stringify(asked)}: ${planned}`);
  }
});

test('a process takes what its program takes while it is loaded, however small the model', (t) => {
  const facts = { ...smol135, V: 256, H: 8, I: 16, L: 1, NH: 1, NK: 1, D: 8 };
  const { peak, parts } = planMemory(ask({ facts, microBatchTokens: 8 }));
  t.true(Math.abs(peak - parts.weights - memoryConstants.cpu.loading) <= 2);
});

test('the stages of a job follow from what it asks for', (t) => {
  const ggufType = 'BF16';
  const formats = ['PEFTAdapter'] as const;
  // Without held-out records results are evaluated on sequences of training.
  t.deepEqual(stagesOf(aSpec(), 512, 2048), { formats, ggufType, scoredTokens: 2048 });
  const off = aSpec({ 'evaluation.profile': 'Disabled' });
  t.deepEqual(stagesOf(off, 512, 2048), { formats, ggufType });
  const spec = aSpec({
    'dataset.heldOut': { samples: 4 },
    'training.samples': { prompts: ['abc', 'x'.repeat(301)], maxTokens: 10 },
    method: { preset: 'Full' },
  });
  t.deepEqual(stagesOf(spec, 512, 2048), {
    ...{ evaluationTokens: 512, scoredTokens: 512 },
    // A third of the characters, a template, and the answer.
    sampleTokens: 101 + 64 + 10,
    prompts: 2,
    ...{ formats: ['MergedSafetensors'], ggufType },
  });
  const file = aSpec({ 'output.formats': ['GGUF'], 'output.gguf': { type: 'Q8_0' } });
  t.deepEqual(stagesOf(file, 512, 512), {
    ...{ formats: ['GGUF'], ggufType: 'Q8_0', scoredTokens: 512 },
  });
});

test('a teacher is a stage of its own, of the dense model, and its tokens are beside each step', (t) => {
  const base = { 'training.distillation': { topK: 64 } };
  t.like(stagesOf(aSpec(base), 512, 2048), { teacherTokens: 64, trainingTokens: 2048 });
  const method = resolveMethod({ preset: 'QLoRA' });
  const asked = { facts: smol135, method, microBatchTokens: 2048, targetShare: 0.5, perWave: 2 };
  const plan = (stages: MemoryQuestion['stages'], changes: Partial<MemoryQuestion> = {}) =>
    planMemory(ask({ ...asked, ...(stages && { stages }), ...changes }));
  const taught = { ...stages, teacherTokens: 64, trainingTokens: 2048 };
  const [without, beside] = [plan(stages), plan(taught)].map(
    ({ stages: all }) => all.find(({ stage }) => stage === 'Step')?.parts.workspace ?? 0,
  );
  t.is(Math.round((beside ?? 0) - (without ?? 0)), 2 * 2048 * 0.5 * (8 * 64 + 4));
  const teach = (changes: Partial<MemoryQuestion> = {}) =>
    plan(taught, changes).stages.find(({ stage }) => stage === 'Teach')?.parts ?? t.fail();
  t.is(
    plan(stages).stages.some(({ stage }) => stage === 'Teach'),
    false,
  );
  t.is(teach().weights, 2 * 134_515_008);
  t.is(teach({ shards: 2 }).weights, 134_515_008);
  // In float32 frozen matrices stay as their files have them.
  const float32 = resolveMethod({ preset: 'QLoRA', precision: { type: 'Float32' } });
  t.is(
    teach({ method: float32, storedBfloat16: 134_000_000 }).weights,
    4 * 134_515_008 - 268_000_000,
  );
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

test('of drawn blocks without an embedding the lowest is one: gradients wait beside the tapes of all blocks for one fewer', (t) => {
  const lisa = (activeLayers: number, trainEmbeddings: boolean) =>
    ask({
      ...{ perWave: 1, recomputation: 'None', targetShare: 0.05 },
      // So little is made in the head that the peak lies in the backward.
      facts: { ...smol135, V: 256 },
      method: resolveMethod({
        ...{ preset: 'LISA', precision: { type: 'BFloat16' } },
        selection: { type: 'LISA', lisa: { activeLayers, trainEmbeddings } },
      }),
    });
  const block = (3 * 576 * 1536 + 2 * 576 * 576 + 2 * 576 * 192 + 2 * 576) * 2;
  const gradients = (question: MemoryQuestion) => planMemory(question).parts.gradients;
  const outside = (256 * 576 + 576) * 4;
  t.is(gradients(lisa(1, false)), 0 + 576 * 4);
  t.is(gradients(lisa(2, false)), block + 576 * 4);
  t.is(gradients(lisa(3, false)), 2 * block + 576 * 4);
  t.is(gradients(lisa(2, true)), 2 * block + outside);
});

test('of a base of the shape of SmolLM2-360M, what is kept by pruning trains in 0.6 of the memory', (t) => {
  const whole = { ...smol135, H: 960, L: 32, NH: 15, NK: 5, I: 2560 };
  const sizes = prunedSizes(whole, { channelsPercent: 75, headsPercent: 60 });
  t.deepEqual(sizes, { I: 640, NK: 2, NH: 6 });
  const peak = (facts: MemoryQuestion['facts']) => planMemory(ask({ facts })).peak;
  t.true(peak({ ...whole, ...sizes }) < 0.6 * peak(whole));
});

test('percents that leave out nothing of a model are refused, and channels stay whole steps', (t) => {
  const of = (channelsPercent: number, headsPercent: number) =>
    prunedSizes(smol135, { channelsPercent, headsPercent });
  t.deepEqual(of(50, 0), { I: 768, NK: 3, NH: 9 });
  t.deepEqual(of(33, 33), { I: 1024, NK: 2, NH: 6 });
  t.deepEqual(of(99, 99), { I: 32, NK: 1, NH: 3 });
  t.throws(() => of(1, 0), { message: /channelsPercent is 1, which leaves out none of the 1536/ });
  t.throws(() => of(0, 10), { message: /headsPercent is 10, which leaves out none of the 3/ });
});
