// The checkpoints that a job could resume from. On this machine they are read from the run folder.
// On a cluster the status names the newest and the best, and with each save the workers list what
// exists.
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
  /** The checkpoint that `resume` uses. */
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
  return found
    .toSorted((a, b) => a.step - b.step)
    .map((one) => {
      const loss = evaluations.get(one.step);
      return {
        ...one,
        ...(loss === undefined || loss === null ? {} : { evalLoss: loss }),
        best: loss === least,
        newest: one.step === newest,
      };
    });
}

type Found = Omit<Checkpoint, 'best' | 'newest' | 'evalLoss'>;

async function inFolder(folder: string): Promise<readonly Found[]> {
  const names = await readdir(folder).catch(() => []); // no checkpoint yet
  const found: Found[] = [];
  for (const name of names) {
    const [, step] = /^step-(\d+)$/.exec(name) ?? [];
    if (step === undefined) continue;
    const location = join(folder, name);
    const files = await readdir(location, { withFileTypes: true });
    // A folder without a manifest is a save that was cut off.
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
 * Checkpoints that exist by the last list of the first worker; without messages, those that the
 * status names.
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
 * By the last list. It says nothing about checkpoints that were written later, nor, when it has its
 * full length, about those before its first.
 */
function isThere(step: number, { step: told, kept = [] }: TelemetryOf<'checkpoint'>): boolean {
  const isOlder = kept.length >= mostKeptTold && step < (kept[0] ?? 0);
  return kept.includes(step) || step > told || isOlder;
}
