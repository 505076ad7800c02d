import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { estimateText } from '../../../cli/commands/estimate/text.ts';
import { cardOf, type Device } from '../../../cli/estimate/devices.ts';
import { type EstimateOptions, estimate } from '../../../cli/estimate/estimate.ts';
import type { DecoderFacts, RunReport } from '../../../crds/index.ts';
import { llama8b, smol135 } from '../../builders/facts.ts';
import { aWrittenJob, type Changes, changed } from '../../builders/job.ts';
import { aReport } from '../../builders/run-report.ts';

interface Setting {
  readonly changes?: Changes;
  readonly facts?: DecoderFacts;
  readonly reports?: readonly RunReport[];
  /** Of this machine. */
  readonly gpus?: readonly Device[];
  readonly hasChatTemplate?: boolean;
}

async function estimated(
  t: ExecutionContext,
  options: Partial<Omit<EstimateOptions, 'file'>>,
  { changes = {}, facts = llama8b, reports = [], gpus = [], hasChatTemplate = true }: Setting = {},
) {
  const folder = await mkdtemp(join(tmpdir(), 'anneal-estimate-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const file = join(folder, 'job.yaml');
  const steps = { 'spec.training.epochs': undefined, 'spec.training.maxSteps': 100 };
  const precision = { 'spec.method.precision': { type: 'BFloat16' } };
  await writeFile(
    file,
    JSON.stringify(changed(aWrittenJob(), { ...steps, ...precision, ...changes })),
  );
  const asked = { gpuMemory: undefined, workers: undefined, whatIf: [], volumes: {}, ...options };
  return estimate(
    { file, ...asked },
    {
      ...{ cache: folder, freeBytes: 16 * 2 ** 30, cores: 8, now: () => new Date(0) },
      reports: async () => reports,
      gpus: async () => gpus,
      describe: async () => ({
        version: 1,
        source: 'owner/model at 01234567',
        family: 'llama',
        format: 'safetensors',
        contextLength: 8192,
        storedBytes: { BF16: 16_060_522_496 },
        hasChatTemplate,
        facts,
      }),
    },
  );
}

const gib = 2 ** 30;
const one = (path: string, value: string) => [{ path, value }];

test('a model without a chat template is told where conversations may come, and refused where they do', async (t) => {
  const hasChatTemplate = false;
  const found = await estimated(t, {}, { hasChatTemplate });
  t.regex(
    estimateText(found),
    /\nnote: the model has no chat template: if the records are conversations,/,
  );
  const format = (name: string): Setting => ({
    hasChatTemplate,
    changes: { 'spec.dataset.format': name },
  });
  await t.throwsAsync(() => estimated(t, {}, format('Chat')), {
    code: 'E_INVALID_DATA',
    message: 'spec.dataset.format is Chat, but the model has no chat template',
  });
  t.deepEqual((await estimated(t, {}, format('Text'))).notes, []);
  t.deepEqual((await estimated(t, {})).notes, []);
});

test('a job of GPUs is judged by the first that it fits, and all devices are listed', async (t) => {
  const found = await estimated(t, {}, { changes: { 'spec.worker.devicesPerWorker': 1 } });
  t.snapshot(estimateText(found));
  t.true(found.fits);
  t.is(found.devices.find(({ fits }) => fits)?.name, found.whatIf.device);
  for (const { parts, peak } of found.devices) {
    t.is(
      peak,
      Object.values(parts).reduce((sum, part) => sum + part),
    );
  }
});

test('a GPU of this machine decides for a job of GPUs, and its unmeasured constants are named', async (t) => {
  const changes = { 'spec.worker.devicesPerWorker': 1 };
  const small = { ...cardOf('NVIDIA Tiny', 4 * gib), name: 'cuda:0 here', isHere: true };
  const found = await estimated(t, {}, { changes, gpus: [small] });
  t.is(found.devices[0]?.name, 'cuda:0 here');
  t.is(found.whatIf.device, 'cuda:0 here');
  t.false(found.fits);
  t.true(found.unmeasured.some(({ name, source }) => name === 'CUDA context' && source !== ''));
  t.is(found.stages.host[0]?.stage, 'Step');
  t.regex(estimateText(found), /\nnote: not measured on a GPU yet: CUDA context, /);
  const processor = await estimated(t, {}, { gpus: [small] });
  t.deepEqual([processor.unmeasured, processor.stages.host], [[], []]);
  t.false(estimateText(processor).includes('not measured'));
  t.false(processor.devices.some(({ name }) => name === 'cuda:0 here'));
});

test('what does not fit is told with the change that helps most', async (t) => {
  const found = await estimated(
    t,
    { gpuMemory: 16 * gib },
    {
      changes: { 'spec.method': { preset: 'Full', precision: { type: 'BFloat16' } } },
    },
  );
  t.false(found.fits);
  t.snapshot(estimateText(found));
  t.true(found.suggestion !== undefined && found.suggestion.peak < found.devices[0]!.peak);
});

test('each what-if is a row of its own, and rows of less work need less memory', async (t) => {
  const whatIf = [
    one('method.adapter', '{ type: LoRA, lora: { rank: 4 } }'),
    one('spec.dataset.sequenceLength', '256'),
    [...one('training.learningRate', '1e-3'), ...one('dataset.sequenceLength', '256')],
  ];
  const found = await estimated(t, { gpuMemory: 24 * gib, whatIf }, { facts: smol135 });
  const { rows } = found.whatIf;
  t.deepEqual(
    rows.map(({ name }) => name),
    [
      'with method.adapter={ type: LoRA, lora: { rank: 4 } }',
      'with dataset.sequenceLength=256',
      'with training.learningRate=1e-3, dataset.sequenceLength=256',
    ],
  );
  const lines = estimateText(found).split('\n');
  t.deepEqual(
    lines.filter((line) => line.length > 80),
    [],
  );
  t.true(lines.includes('with dataset.sequenceLength=256'));
  t.true(rows[0]!.parts.optimizer < found.devices[0]!.parts.optimizer);
  t.true(rows[1]!.peak < found.devices[0]!.peak);
  t.is(rows[2]!.peak, rows[1]!.peak);
});

test('a what-if that is wrong is told with the sentence of the field', async (t) => {
  await t.throwsAsync(estimated(t, { whatIf: [one('learningRate', '3')] }), {
    code: 'E_INVALID_SPEC',
    message: '--what-if learningRate=3: spec.learningRate is not a field of spec',
  });
  await t.throwsAsync(estimated(t, { whatIf: [one('training.seed', '-1')] }), {
    message: /^--what-if training\.seed=-1: spec\.training\.seed is -1; it must be/,
  });
});

test('an earlier run of the same sizes gives the time on this machine, another does not', async (t) => {
  const cpu = { 'spec.worker': { devicesPerWorker: 0 } };
  const setting = { changes: cpu, facts: smol135 };
  const before = await estimated(t, {}, setting);
  t.false(before.times.some(({ measured }) => measured));
  t.regex(estimateText(before), /this machine, 8 cores +known after a run/);
  const report = aReport();
  const same = { ...report.model, trainableParameters: before.trainedParameters };
  const after = await estimated(
    t,
    {},
    { ...setting, reports: [report, { ...report, model: same }] },
  );
  const row = after.times.find(({ measured }) => measured);
  t.is(row?.device, 'this machine, 8 cores');
  t.is(row?.tokensPerSecond, 812.4);
  t.is(row?.seconds, (100 * after.tokensPerStep) / 812.4);
});

test('steps that follow from the data are not invented', async (t) => {
  const epochs = { 'spec.training.epochs': '1', 'spec.training.maxSteps': undefined };
  const found = await estimated(t, {}, { changes: epochs });
  t.is(found.steps, undefined);
  t.true(found.times.every(({ seconds }) => seconds === undefined));
  t.regex(estimateText(found), /as many as the data gives, each of up to/);
});

test('more workers share weights and state', async (t) => {
  const alone = await estimated(t, { gpuMemory: 80 * gib });
  const shared = await estimated(t, { gpuMemory: 80 * gib, workers: 4 });
  t.is(shared.ranks, 4);
  t.true(shared.devices[0]!.parts.weights < alone.devices[0]!.parts.weights);
});

test('of several devices the exchange is told, and the bandwidth at which it hides', async (t) => {
  const full = { 'spec.method': { preset: 'Full' }, 'spec.worker': { devicesPerWorker: 8 } };
  const found = await estimated(t, {}, { changes: { ...full, 'spec.worker.replicas': 2 } });
  t.is(found.ranks, 16);
  // 8.03e9 values in bfloat16, twice but for two of 32 blocks and the vocabulary; sums in float32.
  const { weights, gradients } = found.exchange;
  t.true(Math.abs(weights / (15 / 16) / (2 * (62 * 218.1e6 + 1050.7e6)) - 1) < 1e-3, `${weights}`);
  t.true(Math.abs(gradients / (15 / 16) / (4 * 8.03e9) - 1) < 1e-3, `${gradients}`);
  const [row] = found.times.filter(({ device }) => device.includes('H100'));
  const step = found.tokensPerStep / (row?.tokensPerSecond ?? Number.NaN);
  t.true(Math.abs((row?.bandwidth ?? 0) * step - weights - gradients) < 1);
  const text = estimateText(found);
  t.regex(text, /each device receives 25\.4 GiB of weights and 28\.0 GiB of gradients a\s+step/);
  t.regex(text, /100 steps +exchange\n/);
  t.regex(text, /NVIDIA H100 .* \d+ GB\/s\n/);
  const alone = await estimated(t, { workers: 1 }, { changes: full });
  t.deepEqual(alone.exchange, { weights: 0, gradients: 0 });
  t.notRegex(estimateText(alone), /exchange|receives/);
});

test('entries of attention are those of the newest run that told them', async (t) => {
  t.notRegex(estimateText(await estimated(t, {}, { reports: [aReport()] })), /attention/);
  const entries = { tokens: 512, heads: 270, query: 12.31, key: null, above: [210, 60, 3] };
  const { before } = aReport().evaluation;
  if (before === undefined) throw new Error('the report has no evaluation');
  const evaluation = { all: [], before: { ...before, attention: entries } };
  const report = aReport({ evaluation });
  const text = estimateText(await estimated(t, {}, { reports: [report, aReport()] }));
  t.regex(text, /largest entry of queries +12\.31\n/);
  t.regex(text, /largest entry of keys +not finite\n/);
  t.regex(text, /of 270 heads above 4 times the bound +3\n/);
  t.regex(text, /ln 512, 2\.50/);
});
