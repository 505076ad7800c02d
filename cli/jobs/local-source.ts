// The runs of this machine as jobs: read from their folders, and polled while a command watches.
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { runFiles } from '../../crds/wire/run-folder.ts';
import type { Telemetry } from '../../crds/wire/telemetry.ts';
import { outcomeOf } from '../client/outcome.ts';
import { isRunLocked } from '../client/run-lock.ts';
import { type BegunRun, begunRuns, type FoundPrepared, preparedOf } from '../client/run-store.ts';
import { lastMessages, runMessages } from '../client/run-telemetry.ts';
import { type BesideJobs, nothingBeside } from './beside.ts';
import { type Job, keyOf } from './job.ts';
import { linesOf } from './message-lines.ts';
import { runAsJob } from './run-as-job.ts';
import type { Follow, Heard, JobSource, JobsChange, LogsAsked } from './source.ts';

const pollMs = 500;

export class LocalSource implements JobSource {
  readonly type = 'local';
  readonly location = 'this machine';
  readonly #cache: string;
  /** Newest messages, and what was prepared, by folder, cached until the file grows. */
  readonly #seen = new Map<
    string,
    {
      readonly mark: string;
      readonly last: readonly Telemetry[];
      readonly found: FoundPrepared | null;
    }
  >();

  constructor(cache: string) {
    this.#cache = cache;
  }

  async besideJobs(): Promise<BesideJobs> {
    return nothingBeside;
  }

  async *besideChanges(): AsyncGenerator<BesideJobs> {}

  async list(): Promise<readonly Job[]> {
    const names = await readdir(join(this.#cache, 'runs')).catch(() => []); // no run yet
    const jobs: Job[] = [];
    for (const name of names.toSorted()) {
      for (const run of await begunRuns(this.#cache, name)) jobs.push(await this.#jobOf(run));
    }
    return jobs;
  }

  async *changes(signal: AbortSignal): AsyncGenerator<JobsChange> {
    let before = new Map<string, Job>();
    for (let first = true; !signal.aborted; first = false) {
      const jobs = await this.list();
      const now = new Map(jobs.map((job) => [keyOf(job), job]));
      if (first) yield { type: 'All', jobs };
      else {
        for (const [key, job] of now) {
          if (JSON.stringify(before.get(key)) !== JSON.stringify(job))
            yield { type: 'Changed', job };
        }
        for (const [key, job] of before) if (!now.has(key)) yield { type: 'Gone', job };
      }
      before = now;
      await wait(pollMs, undefined, { signal }).catch(() => undefined); // aborted: the loop ends
    }
  }

  async *telemetry(job: Job, { follow }: Follow, signal: AbortSignal): AsyncGenerator<Heard> {
    let told = false;
    const isOver = () => !follow || !isRunLocked(job.uid);
    for await (const messages of runMessages(job.uid, isOver, signal)) {
      for (const message of messages) yield { type: 'Message', index: 0, message };
      if (messages.length === 0 && !told) {
        told = true;
        yield { type: 'UpToDate' };
      }
    }
    if (!told && !signal.aborted) yield { type: 'UpToDate' };
  }

  /** A run of this machine has no log besides its messages. */
  async *logs(job: Job, asked: LogsAsked, signal: AbortSignal): AsyncGenerator<Heard> {
    for await (const heard of this.telemetry(job, asked, signal)) {
      if (heard.type !== 'Message') yield heard;
      else {
        const { message, index } = heard;
        for (const text of logLinesOf(message)) {
          yield { type: 'Log', line: { time: message.time, index, level: levelOf(message), text } };
        }
      }
    }
  }

  async events(): Promise<readonly []> {
    return [];
  }

  async surroundings(): Promise<undefined> {
    return undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  async #jobOf(begun: BegunRun): Promise<Job> {
    const { folder } = begun;
    // Read before the end of the run: a run that ends in between must not look killed, nor show the
    // end of an earlier process.
    const isRunning = isRunLocked(folder);
    const run = { ...begun, outcome: await outcomeOf(folder) };
    const facts = await stat(join(folder, runFiles.telemetry)).catch(() => undefined);
    const mark = `${facts?.size ?? 0} ${facts?.mtimeMs ?? 0}`;
    const known = this.#seen.get(folder);
    const isKnown = known?.mark === mark;
    const last = isKnown ? known.last : await lastMessages(folder);
    const found = isKnown ? known.found : await preparedOf(folder);
    this.#seen.set(folder, { mark, last, found });
    return runAsJob({ run, isRunning, last, found });
  }
}

function levelOf({ type }: Telemetry): 'error' | 'warn' | 'info' | 'debug' {
  if (type === 'failure') return 'error';
  if (type === 'step') return 'debug';
  return type === 'warning' ? 'warn' : 'info';
}

function logLinesOf(message: Telemetry): readonly string[] {
  switch (message.type) {
    case 'step': {
      const loss = message.loss === null ? 'not finite' : message.loss.toFixed(4);
      const speed = `${Math.round(message.tokensPerSecond)} tokens/s`;
      return [`step ${message.step} of ${message.totalSteps}: loss ${loss}, ${speed}`];
    }
    case 'failure':
      return [`${message.message} (${message.code})`];
    case 'end':
      return [`ended (${message.reason}) after step ${message.step}`];
    default:
      return linesOf(message).map((line) => line.replaceAll(/ {2,}/g, ' ').trim());
  }
}
