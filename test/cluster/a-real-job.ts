// A job with real pods: what its status says, how it ends, and what this machine makes of the same file.
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { eventually } from '../doubles/eventually.ts';
import { startAnneal } from '../e2e/anneal-process.ts';
import { digestsBelow } from '../e2e/killed-run.ts';
import type { JobStatus } from './a-job.ts';
import { getJson } from './access.ts';

export async function statusOf(namespace: string, name: string): Promise<JobStatus> {
  const { status } = await getJson('-n', namespace, 'finetunejob', name);
  return (status ?? {}) as JobStatus;
}

/** As long as it takes, but not when the job has failed: then with the words of its failure. */
export async function untilComplete(
  t: ExecutionContext,
  namespace: string,
  name: string,
  minutes = 10,
) {
  const ended = async (): Promise<boolean> => {
    const { phase } = await statusOf(namespace, name);
    return phase === 'Succeeded' || phase === 'Failed';
  };
  await eventually(`${name} has ended`, ended, { withinMs: minutes * 60_000, everyMs: 500 });
  const { phase, failure } = await statusOf(namespace, name);
  t.is(phase, 'Succeeded', JSON.stringify(failure));
}

/** The same file on this machine, by so many workers; its artefacts. */
export async function onThisMachine(t: ExecutionContext, folder: string, workers: number) {
  const cache = await mkdtemp(join(tmpdir(), 'anneal-local-'));
  t.teardown(() => rm(cache, { recursive: true, force: true }));
  const place = join(cache, 'volumes/toy');
  await cp(folder, place, { recursive: true });
  const flags = ['--workers', String(workers)];
  const run = startAnneal(join(place, 'job.yaml'), cache, () => {}, flags);
  const { code, stderr } = await run.ended;
  t.is(code, 0, stderr);
  return digestsBelow(join(place, 'out'));
}
