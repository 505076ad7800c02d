// The benchmark's steps of a job alone, in a process of its own.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { notAlone, runAlone } from '../bench/methods/alone.ts';
import { methodJobs } from '../bench/methods/jobs.ts';
import { makeToy } from '../toy/make-toy.ts';

test('every method that can do steps alone does them, on a toy, and says what they took and what was planned', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'alone-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const sizes = { num_hidden_layers: 2, hidden_size: 64, intermediate_size: 128, head_dim: 16 };
  const model = await makeToy(folder, 'llama', { dtype: 'bfloat16', config: sizes });
  for (const job of methodJobs(2).filter(({ name }) => !notAlone.includes(name))) {
    const run = await runAlone({ ...job, steps: 3 }, model, new AbortController().signal);
    const { stepMs, processorMs = 0, peak, predicted } = run;
    t.true(stepMs > 0 && processorMs > 0, job.name);
    t.true(peak > 50 * 2 ** 20 && (predicted?.peak ?? 0) > 50 * 2 ** 20, job.name);
  }
});
