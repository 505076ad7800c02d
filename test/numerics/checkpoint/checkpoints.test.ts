import { cpSync } from 'node:fs';
import { readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { TelemetryBody } from '../../../crds/wire/telemetry.ts';
import {
  type CheckpointSettings,
  checkpointsOf,
  type RunCheckpoints,
} from '../../../worker/checkpoint/checkpoints.ts';
import { listCheckpoints } from '../../../worker/checkpoint/folder.ts';
import { loadState } from '../../../worker/checkpoint/load-state.ts';
import { parseManifest } from '../../../worker/checkpoint/manifest.ts';
import { stateTensors } from '../../../worker/checkpoint/state-tensors.ts';
import { freshState, type TrainerState } from '../../../worker/checkpoint/trainer-state.ts';
import { openSafetensors } from '../../../worker/files/safetensors.ts';
import { lora } from '../../../worker/methods/adapters/lora.ts';
import { adamW } from '../../../worker/methods/optimizers/adamw.ts';
import { adamW8bit } from '../../../worker/methods/optimizers/adamw-8bit.ts';
import { wholeTensor } from '../../../worker/sharding/shards.ts';
import { liveHandles } from '../../../worker/tensor/memory.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { tensor, toArray } from '../../../worker/tensor/tensor.ts';
import { jobDigest, save } from '../../builders/checkpoint.ts';
import { plainAdamW, shake, Training, type TrainingOptions } from '../../builders/toy-training.ts';
import { FakeClock } from '../../doubles/clock.ts';
import { temporaryFolder } from '../../doubles/sources.ts';

const at = (step: number, changes: Partial<TrainerState> = {}): TrainerState => ({
  ...{ ...freshState, step, updates: step, position: step, seconds: step },
  stepCounts: { 0: step, 1: step, 2: step, embedding: step, head: step },
  ...changes,
});

interface Opened {
  readonly checkpoints: RunCheckpoints;
  readonly messages: TelemetryBody[];
}

function open(training: Training, root: string, changes: Partial<CheckpointSettings> = {}): Opened {
  const messages: TelemetryBody[] = [];
  const checkpoints = checkpointsOf(training.trained(), {
    ...{ root, job: jobDigest, base: 'sha256:base', clock: new FakeClock() },
    wish: { intervalSteps: 10, intervalSeconds: null },
    retain: { latest: 3, best: 1, everySteps: null },
    emit: (message) => void messages.push(message),
    ...changes,
  });
  return { checkpoints, messages };
}

const warningsOf = (messages: readonly TelemetryBody[]) =>
  messages.flatMap((message) => (message.type === 'warning' ? [message.message] : []));

const adapter = lora({
  ...{ rank: 2, alpha: 4, dropout: 0, scaling: 'Standard', learningRateRatio: 1 },
  ...{ initialization: 'Gaussian', targets: () => true, seed: 5n, dtype: 'float32' },
});

const comesBack = test.macro({
  async exec(t, _: string, options: TrainingOptions, names: readonly RegExp[]) {
    await using folder = await temporaryFolder();
    using training = new Training(options);
    shake(training, 'before');
    const expected = training.bits();
    for (const name of names) t.true([...expected.keys()].some((each) => name.test(each)));
    const state = at(4, { best: { step: 2, value: 0.5 }, samplesBefore: ['a'], lastLoss: null });
    await save(open(training, folder.path).checkpoints, state);
    shake(training, 'after');
    t.notDeepEqual(training.bits(), expected);
    t.deepEqual(await open(training, folder.path).checkpoints.restore(), state);
    t.deepEqual(training.bits(), expected);
  },
  title: (_, words) => `weights, optimizer and state come back bit for bit: ${words}`,
});

test(comesBack, 'all weights in float32', {}, [/q_proj\.weight$/, /norm\.weight#exp_avg_sq$/]);
test(comesBack, 'all weights in bfloat16 with master weights', { dtype: 'bfloat16' }, [/#master$/]);
test(comesBack, 'an adapter', { dtype: 'bfloat16', adapter }, [/lora_A\.weight$/]);
test(
  comesBack,
  '8-bit moments',
  {
    ...{ dtype: 'bfloat16', config: { hidden_size: 64, intermediate_size: 96 } },
    optimizer: adamW8bit({ ...plainAdamW, masterWeights: 'StochasticRounding' }),
  },
  [/#m_codes$/, /#v_absmax$/, /norm\.weight#exp_avg$/],
);

test('a frozen base is named by its digest and not copied', async (t) => {
  await using folder = await temporaryFolder();
  using training = new Training({ adapter });
  const { checkpoints } = open(training, folder.path);
  await save(checkpoints, at(1));
  using file = openSafetensors(join(checkpoints.at(1), 'shard-0.safetensors'));
  const bytes = await readFile(join(checkpoints.at(1), 'manifest.json'));
  const manifest = parseManifest(bytes, 'manifest.json');
  t.is(manifest.base, 'sha256:base');
  const stored = [...file.header.tensors.keys()].sort();
  t.deepEqual(manifest.tensors.map(({ name }) => name).sort(), stored);
  t.true(stored.every((name) => /\.lora_[AB]\.weight(#exp_avg(_sq)?)?$/.test(name)));
});

test('a save is told with its place and its size on the disk', async (t) => {
  await using folder = await temporaryFolder();
  using training = new Training();
  const { checkpoints, messages } = open(training, folder.path);
  await save(checkpoints, at(4));
  const path = join(folder.path, 'step-00000004');
  let bytes = 0;
  for (const name of await readdir(path)) bytes += (await readFile(join(path, name))).length;
  t.deepEqual(messages, [{ type: 'checkpoint', step: 4, path, bytes, ms: 0, kept: [4] }]);
  t.is(checkpoints.at(4), path);
});

test('a save that goes on holds what was there when it began, whatever steps change meanwhile', async (t) => {
  await using folder = await temporaryFolder();
  using training = new Training();
  shake(training, 'then');
  const expected = training.bits();
  const { checkpoints, messages } = open(training, folder.path);
  await checkpoints.begin(at(4));
  t.is(checkpoints.runningStep, 4);
  t.deepEqual(await listCheckpoints(folder.path), [], 'it has no name yet');
  t.deepEqual(messages, []);
  shake(training, 'later');
  for (let looks = 0; checkpoints.runningStep !== null; looks += 1) {
    t.true(looks < 10_000);
    await checkpoints.follow();
  }
  t.like(messages, [{ type: 'checkpoint', step: 4 }]);
  t.deepEqual(await open(training, folder.path).checkpoints.restore(), at(4));
  t.deepEqual(training.bits(), expected);
});

test('the next save waits for the one that goes on, and so does going back', async (t) => {
  await using folder = await temporaryFolder();
  using training = new Training();
  const { checkpoints, messages } = open(training, folder.path);
  await checkpoints.begin(at(4));
  await checkpoints.begin(at(5));
  t.like(messages, [{ type: 'checkpoint', step: 4 }]);
  t.deepEqual(await checkpoints.restore(), at(5));
  t.like(messages, [{ step: 4 }, { step: 5 }]);
});

test('a process that ends while a save goes on leaves the checkpoint before', async (t) => {
  await using folder = await temporaryFolder();
  using training = new Training();
  const { checkpoints } = open(training, folder.path);
  await save(checkpoints, at(4));
  await checkpoints.begin(at(5));
  await using left = await temporaryFolder();
  // At once, before anything else happens to it.
  cpSync(folder.path, left.path, { recursive: true });
  t.true((await readdir(left.path)).includes('step-00000005.partial'));
  t.deepEqual(await open(training, left.path).checkpoints.restore(), at(4));
  t.deepEqual(await readdir(left.path), ['step-00000004']);
  await checkpoints.finish();
});

test('saves are due by the interval, counted from the last save or from where the run went on', async (t) => {
  await using folder = await temporaryFolder();
  using training = new Training();
  const { checkpoints } = open(training, folder.path);
  t.deepEqual([checkpoints.due(at(9)), checkpoints.due(at(10))], [false, true]);
  await save(checkpoints, at(12));
  t.deepEqual([checkpoints.due(at(21)), checkpoints.due(at(22))], [false, true]);
  const again = open(training, folder.path).checkpoints;
  await again.restore();
  t.deepEqual([again.due(at(21)), again.due(at(22))], [false, true]);
});

test('the best evaluation is saved when it is made, where best ones are kept', async (t) => {
  await using folder = await temporaryFolder();
  using training = new Training();
  const best = { step: 4, value: 0.1 };
  const { checkpoints } = open(training, folder.path);
  t.true(checkpoints.due(at(4, { best })));
  t.false(checkpoints.due(at(5, { best })), 'it is over');
  await save(checkpoints, at(4, { best }));
  t.false(checkpoints.due(at(4, { best })), 'it is saved');
  const none = { latest: 3, best: 0, everySteps: null };
  t.false(open(training, folder.path, { retain: none }).checkpoints.due(at(4, { best })));
});

const evaluated = (losses: readonly (number | null)[]): Partial<TrainerState> => ({
  evaluations: losses.map((loss, step) => ({
    ...{ step, loss, perplexity: null, accuracy: null, tokens: 1 },
  })),
});

async function keptAfter(
  t: ExecutionContext,
  retain: CheckpointSettings['retain'],
  losses: readonly (number | null)[],
): Promise<readonly string[]> {
  await using folder = await temporaryFolder();
  using training = new Training();
  const { checkpoints } = open(training, folder.path, { retain });
  for (let step = 1; step < losses.length; step += 1) {
    await save(checkpoints, at(step, evaluated(losses.slice(0, step + 1))));
  }
  const names = await readdir(folder.path);
  t.true(names.every((name) => /^step-\d{8}$/.test(name)));
  return names.map((name) => name.replace(/^step-0*/, '')).sort();
}

test('the newest are kept, the best ones, and the multiples that are asked for', async (t) => {
  const losses = [0.1, 5, 3, 4, null, 6, 7, 8];
  const keep = (retain: CheckpointSettings['retain']) => keptAfter(t, retain, losses);
  t.deepEqual(await keep({ latest: 2, best: 0, everySteps: null }), ['6', '7']);
  // What was measured before the first step has no checkpoint and is not among the best.
  t.deepEqual(await keep({ latest: 2, best: 1, everySteps: null }), ['2', '6', '7']);
  t.deepEqual(await keep({ latest: 1, best: 2, everySteps: null }), ['2', '3', '7']);
  t.deepEqual(await keep({ latest: 1, best: 0, everySteps: 3 }), ['3', '6', '7']);
});

test('what others would go on from is kept until something newer counts', async (t) => {
  await using folder = await temporaryFolder();
  using training = new Training();
  let counted: number | undefined = 2;
  const retain = { latest: 2, best: 0, everySteps: null };
  const { checkpoints, messages } = open(training, folder.path, {
    retain,
    counted: () => counted,
  });
  const steps = async () => (await listCheckpoints(folder.path)).map(({ step }) => step);
  for (let step = 1; step <= 6; step += 1) await save(checkpoints, at(step));
  t.deepEqual(await steps(), [6, 5, 2], 'nobody has heard of the newer ones');
  t.like(messages.at(-1), { type: 'checkpoint', step: 6, kept: [2, 5, 6] });
  counted = 6;
  await save(checkpoints, at(7));
  t.deepEqual(await steps(), [7, 6]);
});

test('where there is no checkpoint there is nothing to go back to', async (t) => {
  await using folder = await temporaryFolder();
  using training = new Training();
  t.is(await open(training, folder.path).checkpoints.restore(), null);
  t.is(await open(training, join(folder.path, 'nowhere')).checkpoints.restore(), null);
});

async function threeSaved(
  root: string,
  training: Training,
): Promise<ReadonlyMap<string, Buffer>[]> {
  const { checkpoints } = open(training, root);
  const bits: ReadonlyMap<string, Buffer>[] = [];
  for (const step of [1, 2, 3]) {
    shake(training, `step ${step}`);
    await save(checkpoints, at(step));
    bits.push(training.bits());
  }
  return bits;
}

test('the newest whole one is used, and each damaged one is set aside in words', async (t) => {
  await using folder = await temporaryFolder();
  using training = new Training();
  const [first] = await threeSaved(folder.path, training);
  await truncate(join(folder.path, 'step-00000003/shard-0.safetensors'), 100);
  await rm(join(folder.path, 'step-00000002/manifest.json'));
  const { checkpoints, messages } = open(training, folder.path);
  t.is((await checkpoints.restore())?.step, 1);
  t.deepEqual(training.bits(), first);
  t.is(checkpoints.at(1), join(folder.path, 'step-00000001'));
  const [newest = '', middle = '', ...more] = warningsOf(messages);
  t.regex(
    newest,
    /step-00000003\/shard-0\.safetensors has 100 bytes; its manifest says \d+; it was/,
  );
  t.regex(
    middle,
    /step-00000002\/manifest\.json is missing; it was set aside as \S+-00000002\.damaged/,
  );
  t.deepEqual(more, []);
  const names = ['step-00000001', 'step-00000002.damaged', 'step-00000003.damaged'];
  t.deepEqual((await readdir(folder.path)).sort(), names);
});

test('a state of another version costs its checkpoint, not the run', async (t) => {
  await using folder = await temporaryFolder();
  using training = new Training();
  await threeSaved(folder.path, training);
  const path = join(folder.path, 'step-00000003/manifest.json');
  const manifest = JSON.parse(await readFile(path, 'utf8'));
  await writeFile(path, JSON.stringify({ ...manifest, state: { ...manifest.state, best: 7 } }));
  const { checkpoints, messages } = open(training, folder.path);
  t.is((await checkpoints.restore())?.step, 2);
  t.regex(
    warningsOf(messages)[0] ?? '',
    /step-00000003 has no trainer state of this version: best is missing or of another type; it was/,
  );
});

test('with none whole the run ends, and every one is kept for a person to look at', async (t) => {
  await using folder = await temporaryFolder();
  using training = new Training();
  await threeSaved(folder.path, training);
  for (const step of [1, 2, 3]) await rm(join(folder.path, `step-0000000${step}/manifest.json`));
  const { checkpoints, messages } = open(training, folder.path);
  await t.throwsAsync(checkpoints.restore(), {
    code: 'E_CHECKPOINT_CORRUPTED',
    message: `none of the 3 checkpoints in ${folder.path} is intact`,
  });
  t.is(warningsOf(messages).length, 3);
  t.is((await readdir(folder.path)).length, 3);
});

test('a checkpoint of another job or another base is refused and left where it is', async (t) => {
  await using folder = await temporaryFolder();
  using training = new Training();
  await threeSaved(folder.path, training);
  const newest = join(folder.path, 'step-00000003');
  const rule = 'a run resumes only with its own job and base model';
  for (const [changes, what] of [
    [{ job: 'b'.repeat(64) }, 'another job'],
    [{ base: 'sha256:other' }, 'another base model'],
  ] as const) {
    await t.throwsAsync(open(training, folder.path, changes).checkpoints.restore(), {
      code: 'E_PLAN_MISMATCH',
      message: `${newest} belongs to ${what}; ${rule}`,
    });
  }
  t.is((await readdir(folder.path)).length, 3);
});

test('a checkpoint of another method is damaged for this one', async (t) => {
  await using folder = await temporaryFolder();
  using adapted = new Training({ adapter });
  await save(open(adapted, folder.path).checkpoints, at(1));
  using full = new Training();
  const { checkpoints, messages } = open(full, folder.path);
  await t.throwsAsync(checkpoints.restore(), { code: 'E_CHECKPOINT_CORRUPTED' });
  t.regex(
    warningsOf(messages)[0] ?? '',
    /step-00000001 has no tensor \S+; it was written by another method or version; it was set aside/,
  );
});

test('half a save of before is removed when the run goes on', async (t) => {
  await using folder = await temporaryFolder();
  using training = new Training();
  await threeSaved(folder.path, training);
  await writeFile(join(folder.path, 'step-00000004.partial'), 'half');
  await open(training, folder.path).checkpoints.restore();
  t.is((await readdir(folder.path)).length, 3);
});

test('a result that is in no checkpoint is not handed out', async (t) => {
  await using folder = await temporaryFolder();
  using training = new Training();
  const { checkpoints } = open(training, folder.path);
  t.throws(() => checkpoints.at(5), {
    code: 'E_STORAGE_FULL',
    message: `${folder.path} has no checkpoint of the result, step 5: the disk was full; there is no other`,
  });
  await save(checkpoints, at(4));
  t.throws(() => checkpoints.at(5), { message: /; the newest is of step 4$/ });
});

test('a place that cannot be written for another reason than room ends the run', async (t) => {
  await using folder = await temporaryFolder();
  using training = new Training();
  const root = join(folder.path, 'file');
  await writeFile(root, 'no folder');
  const { checkpoints, messages } = open(training, root);
  await t.throwsAsync(save(checkpoints, at(1)), { code: 'EEXIST' });
  t.deepEqual(messages, []);
});

test('the state is each trained value and its optimizer state under the name and a suffix', (t) => {
  using training = new Training({ optimizer: adamW(plainAdamW) });
  const names = [...stateTensors(training.trained()).keys()];
  const norm = 'model.norm.weight';
  t.true([norm, `${norm}#exp_avg`, `${norm}#exp_avg_sq`].every((name) => names.includes(name)));
  t.is(names.length, 3 * training.model.parameters.trained().length);
});

test('what is loaded is a part of what was saved, in the types that are wanted', async (t) => {
  await using folder = await temporaryFolder();
  using training = new Training();
  const { checkpoints } = open(training, folder.path);
  await save(checkpoints, at(1));
  const path = checkpoints.at(1);
  const manifest = parseManifest(await readFile(join(path, 'manifest.json')), path);
  scope(() => {
    const { value } = training.model.parameters.get('model.norm.weight');
    const target = ops.zeros(value.shape, { dtype: 'bfloat16' });
    const before = liveHandles();
    loadState(path, manifest, new Map([['model.norm.weight', wholeTensor(target)]]));
    t.deepEqual(toArray(target), toArray(ops.to(value, 'bfloat16')));
    t.true(liveHandles() - before <= 1, 'only the copy that this test made');
    const missing = new Map([['model.other.weight', wholeTensor(tensor([1], [1]))]]);
    t.throws(() => loadState(path, manifest, missing), {
      code: 'E_CHECKPOINT_CORRUPTED',
      message: `${path} has no tensor model.other.weight; it was written by another method or version`,
    });
  });
});
