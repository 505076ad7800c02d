// `anneal checkpoints`: what a job could go on from. On this machine the folder says; of a cluster the status knows the newest and the
// best, and the stream of metrics those that were written while it kept them.
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { runFiles } from '../../crds/wire/run-folder.ts';
import type { Telemetry } from '../../crds/wire/telemetry.ts';
import { outsideOfPod } from '../jobs/data-places.ts';
import { type Job, localNamespace } from '../jobs/job.ts';

interface Checkpoint {
  readonly step: number;
  readonly place: string;
  readonly bytes?: number;
  readonly time?: string;
  readonly evalLoss?: number;
  readonly best: boolean;
  /** What `resume` takes. */
  readonly newest: boolean;
}

export async function checkpointsOf(
  job: Job,
  messages: readonly Telemetry[],
): Promise<readonly Checkpoint[]> {
  const evaluations = new Map(
    messages.flatMap((one) => (one.type === 'evaluation' ? [[one.step, one.loss] as const] : [])),
  );
  const found = await (job.namespace === localNamespace
    ? inFolder(join(job.uid, runFiles.checkpoints))
    : fromMessages(job, messages));
  const newest = Math.max(...found.map(({ step }) => step));
  const losses = found.flatMap(({ step }) => evaluations.get(step) ?? []);
  const least = Math.min(...losses);
  const { bestStep } = job.status.checkpoint ?? {};
  return found
    .toSorted((a, b) => a.step - b.step)
    .map((one) => {
      const loss = evaluations.get(one.step);
      const best = bestStep === undefined ? loss === least : one.step === bestStep;
      return {
        ...one,
        ...(loss === undefined || loss === null ? {} : { evalLoss: loss }),
        best,
        newest: one.step === newest,
      };
    });
}

type Found = Omit<Checkpoint, 'best' | 'newest' | 'evalLoss'>;

async function inFolder(folder: string): Promise<readonly Found[]> {
  const names = await readdir(folder).catch(() => []); // nothing was saved
  const found: Found[] = [];
  for (const name of names) {
    const [, step] = /^step-(\d+)$/.exec(name) ?? [];
    if (step === undefined) continue;
    const place = join(folder, name);
    const files = await readdir(place, { withFileTypes: true });
    // A folder without a manifest is one that was being written.
    if (!files.some((file) => file.name === 'manifest.json')) continue;
    const sizes = await Promise.all(files.map((file) => stat(join(place, file.name))));
    const time = sizes.reduce((last, { mtimeMs }) => Math.max(last, mtimeMs), 0);
    found.push({
      step: Number(step),
      place,
      bytes: sizes.reduce((sum, { size }) => sum + size, 0),
      time: new Date(time).toISOString(),
    });
  }
  return found;
}

function fromMessages({ status }: Job, messages: readonly Telemetry[]): readonly Found[] {
  const found = new Map<number, Found>();
  for (const message of messages) {
    if (message.type !== 'checkpoint') continue;
    const { step, path, bytes, time } = message;
    const place = outsideOfPod(path);
    found.set(step, { step, place, bytes, time: new Date(time * 1000).toISOString() });
  }
  const { latestStep, latestURI = '', latestTime } = status.checkpoint ?? {};
  if (latestStep !== undefined && !found.has(latestStep)) {
    const time = latestTime === undefined ? {} : { time: latestTime };
    found.set(latestStep, { step: latestStep, place: latestURI, ...time });
  }
  return [...found.values()];
}
