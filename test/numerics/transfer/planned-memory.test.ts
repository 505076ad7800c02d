// The memory plan of a transfer beside what the process takes that holds both bases.
import { mkdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { execa } from 'execa';
import { model } from '../../../crds/api/model.ts';
import { transferSpec } from '../../../crds/api/transfer.ts';
import type { TelemetryBody } from '../../../crds/wire/telemetry.ts';
import { transferFiles, transferKit, transferRecord } from '../../../crds/wire/transfer.ts';
import { workerNodeArguments } from '../../../crds/wire/worker-process.ts';
import { openModel } from '../../../worker/decoder/model-files.ts';
import { resolveModel } from '../../../worker/prepare/resolve-source.ts';
import { writeRecord } from '../../../worker/run-folder.ts';
import { plannedMemory, tellMemory } from '../../../worker/transfer/memory-plan.ts';
import { compiledCode } from '../../builders/compiled-code.ts';
import { writePeftFolder } from '../../builders/peft-folder.ts';
import { tellsPeak } from '../../builders/tells-peak.ts';
import { temporaryFolder, testEnvironment } from '../../doubles/sources.ts';
import { makeToy } from '../../toy/make-toy.ts';

const program = join(import.meta.dirname, '../../../worker/main.ts');
const local = (path: string) => ({ local: { path } });

test('both bases are held with the memory that was planned', async (t) => {
  t.timeout(300_000);
  const root = await temporaryFolder();
  t.teardown(() => root[Symbol.asyncDispose]());
  const at = (...parts: readonly string[]) => join(root.path, ...parts);
  const sizes = { hidden_size: 512, intermediate_size: 1408, num_hidden_layers: 6 };
  const config = { vocab_size: 400, max_position_embeddings: 256, ...sizes };
  for (const name of ['old', 'new']) await makeToy(at(name), 'llama', { config });
  {
    using old = openModel(at('old'));
    await writePeftFolder(at('adapter'), old, { rank: 8 });
  }
  const environment = testEnvironment(root.path, {});
  const stop = new AbortController().signal;
  const [from, to] = await Promise.all(
    ['old', 'new'].map((name) =>
      resolveModel(model.parse({ source: local(at(name)) }), environment, stop),
    ),
  );
  if (from === undefined || to === undefined) throw new Error('no bases');
  const width = sizes.hidden_size;
  const zeros = new Array<number>(width).fill(0);
  const kit = transferKit.parse({
    ...{ version: 1, clientData: ['seeds'], base: { digest: from.digest, name: 'old' } },
    form: { type: 'PromptCompletion', ending: ' ' },
    seeds: ['one', 'two', 'three', 'four', 'five'],
    discriminator: {
      ...{ mean: zeros, scale: new Array<number>(width).fill(1), weights: zeros, bias: 0 },
      ...{ real: 1, generated: 1, auc: 1, keptReal: 1, keptGenerated: 0 },
    },
  });
  await mkdir(at('kit'));
  await writeFile(at('kit/kit.json'), JSON.stringify(kit));
  const job = {
    ...{
      model: { source: local('new') },
      method: { preset: 'LoRA', precision: { type: 'Float32' } },
    },
    dataset: { train: local('kit'), sequenceLength: 128 },
    training: { maxSteps: 1, globalBatchSize: 1, learningRate: '1e-3' },
    output: { destination: local('out') },
  };
  const record = transferRecord.parse({
    ...{
      version: 1,
      name: 'moved',
      namespace: 'default',
      folder: root.path,
      digest: '0'.repeat(64),
    },
    ...{ volumes: {}, cache: at('cache'), device: 'cpu', threads: 1 },
    createdAt: '2026-01-01T00:00:00.000Z',
    spec: transferSpec.parse({
      from: { model: { source: local('old') }, adapter: local('adapter') },
      ...{ samples: 1, heldOut: 1, maxCandidates: 32, minProbability: '0', answerTokens: 64 },
      ...{ generation: { maxTokens: 64 }, job },
    }),
  });
  const folder = at('transfer');
  await mkdir(folder);
  await writeRecord(folder, transferFiles.transfer, transferRecord, record);
  const plan = await plannedMemory({ record, kit, from, to, adapter: at('adapter') });
  await writeFile(at('peak.mjs'), tellsPeak);
  const peakFile = at('peak');
  const node = [...workerNodeArguments('synthesize'), '--import', at('peak.mjs')];
  // What toys say makes no records, which is how it ends: what it held by then counts.
  await execa(process.execPath, [...node, program, 'synthesize', folder], {
    env: { ...(await compiledCode()), PEAK_FILE: peakFile },
    reject: false,
  });
  const measured = Number(await readFile(peakFile, 'utf8'));
  const planned = plan.stages.find(({ stage }) => stage === 'Synthesize')?.peak ?? Number.NaN;
  const gap = measured / planned - 1;
  t.log(`planned ${planned}, measured ${measured}: ${(100 * gap).toFixed(1)} %`);
  t.true(gap < 0.05, `${gap}`);
  // Pages of mapped files are taken away where a machine is short of memory.
  t.true(gap > -0.1, `${gap}`);
  // As large as no machine: told, and no reason to stop.
  await truncate(at('adapter/adapter_model.safetensors'), 2 ** 43);
  const told: TelemetryBody[] = [];
  const emit = (message: TelemetryBody): void => void told.push(message);
  await tellMemory({ record, kit, from, to, adapter: at('adapter') }, { emit });
  t.regex(JSON.stringify(told[0]), /"memory","note":"at most [^"]*: synthesize /);
  t.like(told.at(-1), { type: 'warning', reason: 'DoesNotFit' });
  t.regex(JSON.stringify(told.at(-1)), /making records, with both bases, needs .* are free/);
});
