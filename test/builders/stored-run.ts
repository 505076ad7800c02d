// A folder of a run as `anneal run` leaves it: for tests of whoever reads runs.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { OutcomeRecord, RunRecord } from '../../crds/wire/run-folder.ts';
import type { Telemetry } from '../../crds/wire/telemetry.ts';
import { aSpec, type Changes } from './job.ts';
import { messagesOfARun } from './run-messages.ts';

export interface RunAsked {
  readonly job?: string;
  readonly number?: number;
  readonly spec?: Changes;
  readonly messages?: readonly Telemetry[];
  /** Null: it wrote none. */
  readonly outcome?: Partial<OutcomeRecord> | null;
  readonly createdAt?: string;
}

export function aRunRecord(cache: string, asked: RunAsked = {}): RunRecord {
  const { job = 'first', spec = {}, createdAt = '2026-01-01T00:00:00.000Z' } = asked;
  return {
    ...{ version: 1, name: job, namespace: 'default', folder: cache, spec: aSpec(spec) },
    ...{ digest: 'a', volumes: {}, cache, device: 'cpu', threads: 2, createdAt },
  };
}

/** The folder of the run. */
export async function storedRun(cache: string, asked: RunAsked = {}): Promise<string> {
  const { job = 'first', number = 1, messages = messagesOfARun(), outcome = {} } = asked;
  const folder = join(cache, 'runs', job, String(number));
  await mkdir(folder, { recursive: true });
  const write = (name: string, text: string) => writeFile(join(folder, name), text);
  await write('run.json', JSON.stringify(aRunRecord(cache, asked)));
  await write(
    'telemetry.jsonl',
    messages.map((message) => `${JSON.stringify(message)}\n`).join(''),
  );
  if (outcome !== null) {
    const ended = { version: 1, state: 'Complete', endedAt: '2026-01-01T00:01:00.000Z' };
    await write('outcome.json', JSON.stringify({ ...ended, ...outcome }));
  }
  return folder;
}
