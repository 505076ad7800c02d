// One run of the real command on a job, and its report.
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { stringify } from 'yaml';
import type { Setup } from '../../cli/setup/setup.ts';
import { type RunReport, runReport } from '../../crds/wire/run-report.ts';

const root = join(import.meta.dirname, '../..');

/** As its file has it. */
export interface JobDocument {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: object;
}

export function documentNamed(name: string, spec: object): JobDocument {
  return { apiVersion: 'anneal.dev/v1alpha1', kind: 'FineTuneJob', metadata: { name }, spec };
}

interface Places {
  /** Folders by the names of claims. */
  readonly volumes: Readonly<Record<string, string>>;
  /** Runs lie here, and results in the folder that the job names. */
  readonly scratch: string;
  /** Trainers that share the model; the report is that of the first. @default 1 */
  readonly workers?: number;
}

/** The result is expected in a folder of the job's name. */
export async function runDocument(
  setup: Setup,
  document: JobDocument,
  { volumes, scratch, workers = 1 }: Places,
): Promise<RunReport> {
  const { name } = document.metadata;
  await mkdir(scratch, { recursive: true });
  const file = join(scratch, `${name}.yaml`);
  await writeFile(file, stringify(document));
  const words = ['run', file, '--fresh', '--display', 'json'];
  for (const [claim, folder] of Object.entries(volumes)) {
    words.push('--volume', `${claim}=${folder}`);
  }
  const shared = workers === 1 ? [] : ['--workers', String(workers)];
  await execa(process.execPath, [join(root, 'cli/anneal.mjs'), ...words, ...shared], {
    env: { ANNEAL_CACHE: scratch },
    cancelSignal: setup.signal,
  });
  return runReport.parse(JSON.parse(await readFile(join(scratch, name, 'report.json'), 'utf8')));
}

/** Checkpoints and results; what is kept are the data, which the next run takes. */
export async function forgetRun(scratch: string, name: string): Promise<void> {
  for (const folder of [name, `runs/${name}`]) {
    await rm(join(scratch, folder), { recursive: true, force: true });
  }
}
