// A transfer on this machine: records are made, then the job that trains on them runs as any other,
// with one stage more before it publishes. All of them work in one folder, each goes on where it
// was, and so does the same command.
import { join } from 'node:path';
import {
  type AnnealError,
  digestOf,
  type FineTuneJobSpec,
  failureOf,
  UserError,
} from '../../crds/index.ts';
import { type RunRecord, runFiles } from '../../crds/wire/run-folder.ts';
import type { Telemetry } from '../../crds/wire/telemetry.ts';
import {
  type ComparisonRecord,
  comparisonRecord,
  type SyntheticRecord,
  syntheticRecord,
  type TransferRecord,
  transferFiles,
  transferRecord,
} from '../../crds/wire/transfer.ts';
import { type LocalOutcome, runRole } from '../client/local-run.ts';
import type { Stored, StoredKind } from '../client/numbered-store.ts';
import { readWhole, writeJson } from '../client/whole-json.ts';

export const transfers: StoredKind<TransferRecord> = {
  kind: 'transfers',
  file: transferFiles.transfer,
  schema: transferRecord,
};

type StoredTransfer = Stored<TransferRecord>;

export interface TransferView {
  message(stage: string, message: Telemetry): void;
  warn(sentence: string): void;
  synthetic(record: SyntheticRecord): void;
  comparison(record: ComparisonRecord): void;
}

interface TransferContext {
  /** Main file of the worker process. */
  readonly worker: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly stop: AbortSignal;
  readonly kill: AbortSignal;
  readonly view: TransferView;
}

const stages = ['synthesize', 'prepare', 'train', 'compare', 'publish'] as const;

export async function runTransfer(
  { folder, record }: StoredTransfer,
  context: TransferContext,
): Promise<LocalOutcome> {
  const { view } = context;
  await writeJson(folder, runFiles.run, runOf(record, folder));
  for (const stage of stages) {
    const ended = await surely(context, folder, stage, record.spec.job.failurePolicy.maxRestarts);
    if (stage === 'synthesize') {
      const made = await readWhole(folder, transferFiles.synthetic, syntheticRecord);
      if (made !== null && ended.type === 'Complete') view.synthetic(made);
    }
    if (stage === 'compare') {
      const found = await readWhole(folder, transferFiles.comparison, comparisonRecord);
      if (found !== null && ended.type !== 'Stopped') view.comparison(found);
    }
    if (ended.type !== 'Complete') return ended;
  }
  return { type: 'Complete' };
}

/** The run of the job on what was made for it. Pure. */
export function runOf(
  { spec, name, namespace, volumes, cache, device, threads, ...record }: TransferRecord,
  folder: string,
): RunRecord {
  const job = jobOf(spec.job, folder);
  const { model, dataset, method, training } = job;
  const digest = digestOf({ of: record.digest, model, dataset, method, training });
  return {
    ...{ version: 1, name, namespace, spec: job, digest, volumes, cache, device, threads },
    ...{ folder: record.folder, createdAt: record.createdAt },
  };
}

function jobOf(job: FineTuneJobSpec, folder: string): FineTuneJobSpec {
  const place = (name: string) => ({ local: { path: join(folder, transferFiles.folder, name) } });
  const dataset = {
    ...job.dataset,
    train: place(transferFiles.train),
    eval: place(transferFiles.heldOut),
  };
  return { ...job, dataset };
}

/** Makes the kit of a job's adapter in its folder, `kit.json`. */
export async function makeKit(
  { folder, record }: Stored<RunRecord>,
  context: TransferContext,
): Promise<LocalOutcome> {
  if (record.spec.training.maxSteps === 0) {
    throw new UserError({
      code: 'E_USAGE',
      message: `${record.name} trains nothing; a kit is made of the job that trained an adapter`,
    });
  }
  return surely(context, folder, 'kit', record.spec.failurePolicy.maxRestarts);
}

/** Starts a process that was lost again, as often as the job allows. */
async function surely(
  { worker, variables, stop, kill, view }: TransferContext,
  folder: string,
  stage: string,
  maxRestarts: number,
): Promise<LocalOutcome> {
  for (let restarts = 0; ; restarts += 1) {
    if (stop.aborted) return { type: 'Stopped' };
    const onMessage = (message: Telemetry): void => view.message(stage, message);
    const ended = await runRole({ worker, folder, variables, onMessage, stop, kill }, stage);
    if (ended.type !== 'Failed' || stop.aborted || kill.aborted) return ended;
    if (!isLoss(ended.error) || restarts >= maxRestarts) return ended;
    view.warn(
      `${stage}: ${ended.error.message}; started again (${restarts + 1} of ${maxRestarts})`,
    );
  }
}

function isLoss({ code }: AnnealError): boolean {
  return failureOf(code).retry === 'Counted';
}
