// What a job could go on from. On this machine the folder says; of a cluster the status knows the
// newest and the best, and the workers tell with each save which are there.
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { runFiles } from '../../crds/wire/run-folder.ts';
import { mostKeptTold, type Telemetry, type TelemetryOf } from '../../crds/wire/telemetry.ts';
import { outsideOfPod } from './data-locations.ts';
import { type Job, localNamespace } from './job.ts';

export interface Checkpoint {
  readonly step: number;
  readonly location: string;
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
    const location = join(folder, name);
    const files = await readdir(location, { withFileTypes: true });
    // A folder without a manifest is one that was being written.
    if (!files.some((file) => file.name === 'manifest.json')) continue;
    const sizes = await Promise.all(files.map((file) => stat(join(location, file.name))));
    const time = sizes.reduce((last, { mtimeMs }) => Math.max(last, mtimeMs), 0);
    found.push({
      step: Number(step),
      location,
      bytes: sizes.reduce((sum, { size }) => sum + size, 0),
      time: new Date(time).toISOString(),
    });
  }
  return found;
}

/**
 * Those that were written and are still there, as the first worker said last; where nobody heard
 * it, what the status names.
 */
function fromMessages({ status }: Job, messages: readonly Telemetry[]): readonly Found[] {
  const written = messages.filter((message) => message.type === 'checkpoint');
  const last = written.findLast(({ kept }) => kept !== undefined);
  const found = new Map<number, Found>();
  for (const { step, path, bytes, time } of written) {
    if (last !== undefined && !isThere(step, last)) continue;
    const location = outsideOfPod(path);
    found.set(step, { step, location, bytes, time: new Date(time * 1000).toISOString() });
  }
  const { latestStep, latestURI = '', latestTime } = status.checkpoint ?? {};
  if (latestStep !== undefined && latestStep > Math.max(...found.keys())) {
    const time = latestTime === undefined ? {} : { time: latestTime };
    found.set(latestStep, { step: latestStep, location: latestURI, ...time });
  }
  return [...found.values()];
}

/**
 * By the last list, which says nothing of what was written since, nor, where it has its full
 * length, of what is older than its first.
 */
function isThere(step: number, { step: told, kept = [] }: TelemetryOf<'checkpoint'>): boolean {
  const isOlder = kept.length >= mostKeptTold && step < (kept[0] ?? 0);
  return kept.includes(step) || step > told || isOlder;
}
