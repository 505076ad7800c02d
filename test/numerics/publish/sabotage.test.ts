// Of results that were damaged on the disk none is published, and of honest ones nearly all are:
// every form, written, damaged, read back, checked and evaluated as a run does it.
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { systemClock } from '../../../crds/clock.ts';
import { AnnealError } from '../../../crds/index.ts';
import { aqlmArtifact } from '../../../worker/publish/aqlm.ts';
import type { ArtifactFacts, ArtifactWriter } from '../../../worker/publish/artifact.ts';
import { compressedTensorsArtifact } from '../../../worker/publish/compressed-tensors.ts';
import { evaluateArtifact, questionsOf } from '../../../worker/publish/evaluate-artifact.ts';
import { ggufAdapterArtifact } from '../../../worker/publish/gguf-adapter.ts';
import { ggufArtifact } from '../../../worker/publish/gguf-artifact.ts';
import { mergedArtifact } from '../../../worker/publish/merged.ts';
import { peftArtifact } from '../../../worker/publish/peft.ts';
import { checkLogits } from '../../../worker/publish/reload-check.ts';
import { openTrainedModel } from '../../../worker/publish/trained-model.ts';
import { type Trained, writeChecked } from '../../../worker/publish/write-checked.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../worker/tensor/rng.ts';
import { keep, scope } from '../../../worker/tensor/scope.ts';
import { drawsOf, streamOf } from '../../../worker/tensor/streams.ts';
import type { Tensor } from '../../../worker/tensor/tensor.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { inFourBits, rolled, StoredResult, wrongZero } from '../../builders/damaged-result.ts';
import { aToyRun } from '../../builders/toy-run.ts';
import type { ToyJobOptions } from '../../toy/toy-job.ts';

test.before(() => setThreads(1));

type Draws = ReturnType<typeof drawsOf>;
/** Damages what is in the folder; false where the form has nothing of the kind. */
type Damage = (folder: string, draws: Draws) => boolean | Promise<boolean>;

const matrices = /(?:attn_[qkvo]\w*|ffn_\w+|_proj)\.(?:weight|codebooks|lora_[ab].*)$/i;
const norms = /norm\.weight$/;

function anyOf<T>(all: readonly T[], draws: Draws): T | undefined {
  return all[draws.below(Math.max(1, all.length))];
}

function onOne(pattern: RegExp, by: Parameters<StoredResult['change']>[1]): Damage {
  return (folder, draws) => {
    const result = new StoredResult(folder);
    const chosen = anyOf(result.named(pattern), draws);
    if (chosen === undefined) return false;
    result.change(chosen, by);
    result.save();
    return true;
  };
}

function onAll(pattern: RegExp, by: Parameters<StoredResult['change']>[1]): Damage {
  return (folder) => {
    const result = new StoredResult(folder);
    for (const each of result.named(pattern)) result.change(each, by);
    result.save();
    return result.named(pattern).length > 0;
  };
}

/** The same tensor of two blocks. */
const exchangedBlocks: Damage = (folder, draws) => {
  const result = new StoredResult(folder);
  const first = result.named(matrices).filter(({ name }) => /(?:layers|blk)\.0\./.test(name));
  const a = anyOf(first, draws);
  const b = result.tensors.find(
    ({ name }) => name === a?.name.replace(/(layers|blk)\.0\./, '$1.1.'),
  );
  if (a === undefined || b === undefined) return false;
  result.exchange(a, b);
  result.save();
  return true;
};

const wrongRope: Damage = async (folder) => {
  const result = new StoredResult(folder);
  if (result.isGguf) {
    if (result.named(/lora/).length > 0) return false;
    result.changeNumber('rope.freq_base', (base) => base / 100);
    result.save();
    return true;
  }
  const path = join(folder, 'config.json');
  const config = await readFile(path, 'utf8').catch(() => null);
  if (config === null) return false;
  const { rope_theta: theta = 10_000, ...rest } = JSON.parse(config);
  await writeFile(path, JSON.stringify({ ...rest, rope_theta: theta / 100 }));
  return true;
};

const damages: Readonly<Record<string, Damage>> = {
  'a matrix doubled': onOne(matrices, (x) => ops.mulScalar(x, 2)),
  'a matrix with a wrong zero': onOne(matrices, wrongZero),
  'rows of a matrix in another order': onOne(matrices, rolled),
  'a matrix of zeros': onOne(matrices, (x) => ops.zerosLike(x)),
  'a matrix with the other sign': onOne(matrices, ops.neg),
  'matrices of two blocks exchanged': exchangedBlocks,
  'all matrices in 4 bits': onAll(matrices, inFourBits),
  'all norms shifted by 1': onAll(norms, (x) => ops.addScalar(x, 1)),
  'half of the head cut off': onOne(/^(output|lm_head)\.weight$/, (x) => {
    const half = Math.floor((x.shape[0] ?? 0) / 2);
    return ops.cat([ops.narrow(x, 0, 0, half), ops.zerosLike(ops.narrow(x, 0, half, half))], 0);
  }),
  'another base of RoPE': wrongRope,
};

/** Of files that give back what the base gave up: the same values, or else they are refused. */
const ofGivenBack: Readonly<Record<string, Damage>> = {
  'a matrix off by a millionth': onOne(matrices, (x) => ops.mulScalar(x, 1 + 2 ** -20)),
};

interface Opened extends Trained {
  /** Factors of the adapter after training. */
  readonly ended: ReadonlyMap<string, Tensor>;
  readonly folder: string;
  readonly context: Parameters<typeof writeChecked>[0];
}

/** A trained toy as the publisher has it. */
async function opened(t: ExecutionContext, options: ToyJobOptions): Promise<Opened> {
  const run = await aToyRun(t, { ...options, dataset: { heldOut: { samples: 12 } } });
  await run.prepare();
  await run.train();
  const [prepared, trained] = [await run.prepared(), await run.trained()];
  const one = await openTrainedModel(run.folder, { run: run.record, prepared, trained });
  const { method, files, model, initial } = one;
  const facts: ArtifactFacts = {
    ...{ run: run.record, prepared, method, files, model, initial },
    report: trained.report,
  };
  const { signal } = new AbortController();
  const questions = await questionsOf(facts, trained, { emit: () => {}, stop: signal });
  t.teardown(() => {
    one[Symbol.dispose]();
  });
  const context = { clock: systemClock, emit: () => {}, stop: signal } as unknown;
  const reference = keep(checkLogits(model));
  const factors = model.parameters.trained().filter(({ name }) => /lora_B/.test(name));
  const ended = new Map(
    factors.map(({ name, value }) => [name, keep(scope(() => ops.clone(value)))]),
  );
  return {
    ...{ facts, questions, reference, ended, folder: join(run.folder, 'written') },
    context: context as Opened['context'],
  };
}

/** As another seed of training would end: the adapter a little away from where it was. */
function asOfSeed({ facts, ended }: Opened, seed: number): void {
  for (const { name, value } of facts.model.parameters.trained()) {
    const from = ended.get(name);
    if (from === undefined) continue;
    scope(() => {
      const away = normal(value.shape, 0.003, streamOf(seed, 'honest', name), value.dtype);
      ops.copy_(value, ops.add(from, away));
    });
  }
}

interface Outcome {
  readonly code: string;
  /** What the evaluation alone says. */
  readonly alone: string;
}

async function published(one: Opened, writer: ArtifactWriter): Promise<Outcome> {
  const { facts, context, folder, questions } = one;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder);
  using reference = keep(checkLogits(facts.model));
  const trained = { facts, questions, reference };
  const code = await writeChecked(context, writer, folder, trained).then(
    ({ evaluation }) => evaluation.verdict ?? 'Disabled',
    (error: unknown) => {
      if (error instanceof AnnealError) return error.code;
      throw error;
    },
  );
  if (code === 'Pass' || questions === null) return { code, alone: 'Pass' };
  const copy = await writer.reload(folder, facts.model.dtype);
  using _parameters = copy.parameters;
  const { format, made } = writer;
  const size = await writer.size?.(folder);
  const own = { format, made, size };
  const { verdict = 'Disabled' } = await evaluateArtifact(context, own, facts, copy, questions);
  return { code, alone: verdict };
}

function withDamage(
  writer: ArtifactWriter,
  damage: Damage,
  draws: Draws,
): ArtifactWriter & { isDamaged: boolean } {
  const damaged = {
    ...writer,
    isDamaged: false,
    async write(folder: string) {
      const bytes = await writer.write(folder);
      damaged.isDamaged = await damage(folder, draws);
      return bytes;
    },
  };
  return damaged;
}

const lora = {
  ...{ name: 'lora', training: { maxSteps: 4, learningRate: '1e-2' } },
  method: { preset: 'LoRA', precision: { type: 'BFloat16' } },
};
/** Components of the weights, which the base gives up. */
const components = {
  ...{ name: 'components', training: { maxSteps: 4, learningRate: '1e-2' } },
  method: {
    ...{ preset: 'PiSSA', precision: { type: 'BFloat16' } },
    // Keys and values of the toy have 32 outputs, so that ranks differ.
    adapter: { type: 'PiSSA', pissa: { rank: 40, directions: 'Exact' } },
  },
};
const codes = {
  ...{ name: 'codes', training: { maxSteps: 2, learningRate: '1e-3' } },
  method: {
    ...{ preset: 'PVTuning', precision: { type: 'Float32' } },
    base: { type: 'Codebook', codebook: { codebooks: 2, bits: 4, groupSize: 4 } },
  },
  formats: ['AQLM'],
};

const integers = {
  ...{ name: 'integers', training: { maxSteps: 2, learningRate: '1e-2' } },
  method: { preset: 'L4Q', base: { type: 'FakeQuantized', fakeQuantized: { groupSize: 32 } } },
};

type Form = (facts: ArtifactFacts) => ArtifactWriter;

const forms: readonly (readonly [
  job: ToyJobOptions,
  forms: Readonly<Record<string, Form>>,
  own?: typeof damages,
])[] = [
  [
    lora,
    {
      PEFTAdapter: (facts) => peftArtifact(facts, 'PEFTAdapter'),
      GGUFAdapter: ggufAdapterArtifact,
      MergedSafetensors: mergedArtifact,
      F16: (facts) => ggufArtifact(facts, 'F16'),
      BF16: (facts) => ggufArtifact(facts, 'BF16'),
      Q8_0: (facts) => ggufArtifact(facts, 'Q8_0'),
    },
  ],
  [
    components,
    {
      PEFTAdapter: (facts) => peftArtifact(facts, 'PEFTAdapter'),
      UniformPEFTAdapter: (facts) => peftArtifact(facts, 'UniformPEFTAdapter'),
      GGUFAdapter: ggufAdapterArtifact,
    },
    ofGivenBack,
  ],
  [codes, { AQLM: aqlmArtifact }],
  [integers, { CompressedTensors: compressedTensorsArtifact }],
];

for (const [job, all, own] of forms) {
  const names = Object.keys(all).join(', ');
  test(`${job.name}: ${names}: what is damaged is not published, and what is not is`, async (t) => {
    const one = await opened(t, job);
    const count = { damaged: 0, refused: 0, alone: 0, honest: 0, kept: 0 };
    for (const [form, writerOf] of Object.entries(all)) {
      for (const [kind, damage] of Object.entries({ ...damages, ...own })) {
        for (let seed = 1; seed <= 2; seed += 1) {
          asOfSeed(one, seed);
          const draws = drawsOf(streamOf(seed, 'damage', form, kind));
          const writer = withDamage(writerOf(one.facts), damage, draws);
          const { code, alone } = await published(one, writer);
          if (!writer.isDamaged) break;
          count.damaged += 1;
          if (code.startsWith('E_')) count.refused += 1;
          if (alone === 'Refuse') count.alone += 1;
          else t.log(`${form}, ${kind}, ${seed}: ${code}, and the evaluation alone: ${alone}`);
          t.true(code.startsWith('E_'), `${form}, ${kind}, ${seed}: ${code}`);
        }
      }
      for (let seed = 1; seed <= 16; seed += 1) {
        asOfSeed(one, 100 + seed);
        const { code } = await published(one, writerOf(one.facts));
        count.honest += 1;
        if (!code.startsWith('E_')) count.kept += 1;
        if (code !== 'Pass') t.log(`${form}, honest ${seed}: ${code}`);
      }
    }
    t.log(count);
    t.true(count.kept >= count.honest - 1);
  });
}
