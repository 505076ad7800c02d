// What factors on the trunk of a tracker are worth: mean IoU on held-out sprites, of the heads and
// types alone and of LoRA beside them, on the first blocks of DINOv2-S at 56 and 112 pixels.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Setup } from '../../../cli/setup/setup.ts';
import { systemClock } from '../../../crds/clock.ts';
import type { FineTuneJobSpec } from '../../../crds/index.ts';
import { freshState } from '../../../worker/checkpoint/trainer-state.ts';
import type { Documents } from '../../../worker/data/documents.ts';
import { jobDocuments } from '../../../worker/data/job-documents.ts';
import { permutation } from '../../../worker/data/order.ts';
import { fillSequence } from '../../../worker/data/packed-sequences.ts';
import type { TokenStore } from '../../../worker/data/token-store.ts';
import { openModel } from '../../../worker/decoder/model-files.ts';
import { familyOf, readModelConfig } from '../../../worker/decoder/registry.ts';
import { type ModelSource, modelSource, type Trains } from '../../../worker/engine/build-model.ts';
import { lora } from '../../../worker/methods/adapters/lora.ts';
import { adamW } from '../../../worker/methods/optimizers/adamw.ts';
import { clipRulesIn } from '../../../worker/prepare/clip-rules.ts';
import { prepareDataset } from '../../../worker/prepare/prepare.ts';
import { resolveClips } from '../../../worker/prepare/resolve-clips.ts';
import { train } from '../../../worker/train/loop.ts';
import { Training, type TrainingOptions } from '../../builders/toy-training.ts';
import { testEnvironment } from '../../doubles/sources.ts';
import { dinoV2 } from '../../setup/dinov2.ts';
import { makeSprites } from '../../setup/sprites.ts';

const sizes = { template: 56, search: 112 };
const job = {
  dataset: { tracking: { ...sizes, maxGap: 100 } },
  training: { seed: 1 },
} as FineTuneJobSpec;

export async function benchTracking(_setup: Setup, args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      blocks: { type: 'string', default: '6' },
      steps: { type: 'string', default: '300' },
      batch: { type: 'string', default: '16' },
      rate: { type: 'string', default: '1e-3' },
    },
  });
  const [blocks, steps, batch] = [values.blocks, values.steps, values.batch].map(Number) as [
    ...[number, number, number],
  ];
  const folder = await mkdtemp(join(tmpdir(), 'anneal-sprites-'));
  try {
    await makeSprites(join(folder, 'train'), 200, false);
    await makeSprites(join(folder, 'held-out'), 50, true);
    using files = openModel(await dinoV2(), { tracking: sizes });
    const source = firstBlocks(files, blocks);
    using trained = await prepared(folder, 'train', files);
    using held = await prepared(folder, 'held-out', files);
    const [documents, others] = [jobDocuments(job, trained, false), jobDocuments(job, held, true)];
    const own = {
      source,
      batches: batchesOf(documents, steps, batch),
      evaluation: inGroups([...Array(others.count).keys()], batch).map((members, key) =>
        fillSequence(others, members, key),
      ),
    };
    const adapter = lora({
      ...{ rank: 16, alpha: 16, dropout: 0, scaling: 'Standard', learningRateRatio: 1 },
      ...{ initialization: 'Both', targets: () => true, seed: 1n, dtype: 'float32' },
    });
    const plan = { rate: Number(values.rate), steps };
    console.log(`heads alone   ${await overlapOf({ ...own, trains }, plan)}`);
    console.log(`LoRA          ${await overlapOf({ ...own, adapter, trains }, plan)}`);
  } finally {
    await rm(folder, { recursive: true });
  }
}

const trains: Trains = (_spec, _places, isWhole) => isWhole;

/** Mean IoU of held-out clips before and after, as words. */
async function overlapOf(
  own: Partial<TrainingOptions>,
  { rate, steps }: { readonly rate: number; readonly steps: number },
): Promise<string> {
  const began = performance.now();
  const plan = {
    totalSteps: steps,
    evaluationInterval: Math.ceil(steps / 3),
    learningRate: (step: number) => warmed(rate, step, steps),
  };
  const optimizer = adamW({
    ...{ beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.1, masterWeights: 'Float32' },
  });
  using training = new Training({ config: {}, plan, optimizer, ...own });
  await train(training.parts, freshState);
  const found = training.ofType('evaluation').map(({ overlap }) => overlap?.toFixed(3) ?? '?');
  const seconds = (performance.now() - began) / 1000;
  return `mean IoU ${found.join(' → ')} in ${seconds.toFixed(0)} s`;
}

/** Up for a tenth of the steps, and down along a cosine. */
function warmed(rate: number, step: number, steps: number): number {
  const begin = steps / 10;
  if (step < begin) return (rate * (step + 1)) / begin;
  return (rate / 2) * (1 + Math.cos((Math.PI * (step - begin)) / (steps - begin)));
}

/** A trunk of fewer blocks, with the last norm behind them. */
function firstBlocks(files: ReturnType<typeof openModel>, blocks: number): ModelSource {
  const json = { ...files.headers.configJson, num_hidden_layers: blocks };
  const config = readModelConfig(json, { tracking: sizes });
  const names = familyOf(config)
    .tensors(config)
    .map(({ name }) => name);
  return { ...modelSource(files), config, tensorNames: names };
}

async function prepared(
  folder: string,
  which: string,
  { headers, config }: ReturnType<typeof openModel>,
): Promise<TokenStore> {
  const environment = testEnvironment(join(folder, 'cache'), { jobFolder: folder });
  const never = new AbortController().signal;
  const field = 'spec.dataset.train';
  const from = { local: { path: which } };
  const { files, boundary } = await resolveClips(from, field, environment, never);
  const rules = await clipRulesIn({ folder: headers.folder, config });
  return await prepareDataset(
    { files, pictures: { ...rules, boundary }, invalidSamplePolicy: 'Fail' },
    {
      ...{ folder: join(folder, 'stores'), threads: 1, clock: systemClock },
      ...{ onProgress: () => undefined, onWarning: () => undefined },
    },
    never,
  );
}

/** Each clip once in an epoch, as the loader has it. */
function batchesOf(documents: Documents, steps: number, batch: number) {
  return Array.from({ length: steps }, (_, step) => {
    const members = Array.from({ length: batch }, (_, i) => {
      const at = step * batch + i;
      const epoch = Math.floor(at / documents.count);
      return permutation(documents.count, 'documents', 1, epoch).at(at % documents.count);
    });
    const groups = inGroups(members, 8);
    return groups.map((own, i) => fillSequence(documents, own, step * groups.length + i));
  });
}

function inGroups(members: readonly number[], size: number): readonly (readonly number[])[] {
  return Array.from({ length: Math.ceil(members.length / size) }, (_, group) =>
    members.slice(group * size, (group + 1) * size),
  );
}
