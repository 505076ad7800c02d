import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { togetherText } from '../../../cli/commands/estimate/together-text.ts';
import { estimateTogether } from '../../../cli/estimate/together.ts';
import { smol135 } from '../../builders/facts.ts';
import { aWrittenJob, type Changes, changed } from '../../builders/job.ts';

const rank = (rank: number): Changes => ({
  'spec.method.adapter': { type: 'LoRA', lora: { rank } },
});

interface Setting {
  readonly workers?: number;
  readonly freeBytes?: number;
  /** Of the model, by job. */
  readonly sourceOf?: (job: string) => string;
}

/** Of jobs `a`, `b` and so on, each with its changes. */
async function estimated(
  t: ExecutionContext,
  changes: readonly Changes[],
  { workers, freeBytes = 16 * 2 ** 30, sourceOf = () => 'owner/model' }: Setting = {},
) {
  const folder = await mkdtemp(join(tmpdir(), 'anneal-estimate-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const files: string[] = [];
  for (const [i, own] of changes.entries()) {
    const name = String.fromCharCode(97 + i);
    const file = join(folder, `${name}.yaml`);
    const job = changed(aWrittenJob(), {
      'metadata.name': name,
      'spec.worker.devicesPerWorker': 0,
      'spec.training.epochs': undefined,
      'spec.training.maxSteps': 10,
      ...own,
    });
    await writeFile(file, JSON.stringify(job));
    files.push(file);
  }
  return estimateTogether(
    files,
    { gpuMemory: undefined, workers, volumes: {} },
    {
      ...{ cache: folder, freeBytes, cores: 8, now: () => new Date(0) },
      reports: async () => [],
      gpus: async () => [],
      describe: async ({ name }) => ({
        ...{ version: 1, family: 'llama', format: 'safetensors', contextLength: 8192 },
        ...{ source: sourceOf(name), storedBytes: { BF16: 269_000_000 }, facts: smol135 },
        hasChatTemplate: true,
      }),
    },
  );
}

test('together they take the largest, and what the others keep between steps', async (t) => {
  const { jobs, peak, fits } = await estimated(t, [rank(8), rank(64), rank(16)]);
  t.true(fits);
  const [a, b, c] = jobs;
  const own = Math.max(
    ...(b?.stages.rows.flatMap((row) => (row.stage === 'Publish' ? [] : [row.peak])) ?? []),
  );
  t.is(peak, own + (a?.kept ?? 0) + (c?.kept ?? 0));
  t.true((a?.kept ?? 0) < (c?.kept ?? 0) && (c?.kept ?? 0) < (b?.kept ?? 0));
  const text = togetherText({ jobs, device: 'this machine', peak, limit: 16 * 2 ** 30, fits });
  t.regex(text, /^jobs {6}3 that train together, in one process on this machine$/m);
  t.regex(text, /^16\.0 GiB are there: they fit$/m);
  for (const line of text.split('\n')) t.true(line.length <= 80, line);
});

test('many small jobs need little more than one', async (t) => {
  const [one, all] = [
    await estimated(t, [rank(4)]),
    await estimated(
      t,
      Array.from({ length: 16 }, () => rank(4)),
    ),
  ];
  t.true(all.peak < 2 * one.peak, `${all.peak / one.peak} times`);
});

test('with little memory they recompute more, and with less they do not fit', async (t) => {
  const one = await estimated(t, [rank(8)]);
  const changes = Array.from({ length: 8 }, () => rank(8));
  const scarce = await estimated(t, changes, { freeBytes: 1.2 * one.peak });
  t.true(scarce.fits, 'they recompute more');
  t.true((scarce.jobs[0]?.devices[0]?.recomputed ?? 0) > 0);
  const { fits } = await estimated(t, changes, { freeBytes: 0.04 * one.peak });
  t.false(fits);
});

test('what cannot train together is told', async (t) => {
  const full: Changes = { 'spec.method': { preset: 'Full' } };
  await t.throwsAsync(() => estimated(t, [rank(8), full]), {
    message: /b\.yaml: .* trains weights of the base itself; jobs that train together share/,
  });
  await t.throwsAsync(() => estimated(t, [rank(8), rank(8)], { workers: 2 }), {
    message: /a\.yaml: the job has 2 workers or devices; jobs that train together have one/,
  });
  const sourceOf = (job: string) => `owner/${job}`;
  const elsewhere = { ...rank(8), 'spec.model.source': { local: { path: 'other' } } };
  await t.throwsAsync(() => estimated(t, [rank(8), elsewhere], { sourceOf }), {
    message: /b\.yaml: the model is owner\/b, and that of the first job owner\/a; jobs that/,
  });
});
