// Asks a worker process to describe the model of a job. Only the worker knows model files; a
// process of half a second is cheaper than a second reader here.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FineTuneJobSpec, UserError } from '../../crds/index.ts';
import { jsonLimits } from '../../crds/text/json.ts';
import {
  type DescribedModel,
  describedModel,
  describedModelFile,
} from '../../crds/wire/described-model.ts';
import { type RunRecord, runFiles } from '../../crds/wire/run-folder.ts';
import type { Telemetry } from '../../crds/wire/telemetry.ts';
import { now } from '../process/clock.ts';
import { readJsonFile } from './json-file.ts';
import { runRole } from './local-run.ts';

export async function describeModel(
  record: RunRecord,
  worker: string,
  warn: (message: string) => void,
  signal: AbortSignal,
): Promise<DescribedModel> {
  const folder = await mkdtemp(join(tmpdir(), 'anneal-describe-'));
  const onMessage = (message: Telemetry): void => {
    if (message.type === 'warning') warn(message.message);
  };
  try {
    await writeFile(join(folder, runFiles.run), JSON.stringify(record));
    const outcome = await runRole(
      { folder, worker, onMessage, stop: signal, kill: signal },
      'describe',
    );
    if (outcome.type === 'Failed') throw outcome.error;
    if (outcome.type === 'Stopped') throw interrupted();
    const described = await readJsonFile(join(folder, describedModelFile), jsonLimits.runRecord);
    return describedModel.parse(described);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface Location {
  /** Base of relative paths in the spec. */
  readonly folder: string;
  readonly cache: string;
}

/** The model of a spec that is not a run of this machine, without warnings. */
export function describeModelOf(
  spec: FineTuneJobSpec,
  { folder, cache }: Location,
  signal: AbortSignal,
): Promise<DescribedModel> {
  const record: RunRecord = {
    ...{ version: 1, name: 'job', namespace: 'default', digest: '', volumes: {} },
    ...{ folder, spec, cache, device: 'cpu', threads: 1, createdAt: now().toISOString() },
  };
  const worker = join(import.meta.dirname, '../../worker/main.ts');
  return describeModel(record, worker, () => {}, signal);
}

function interrupted(): UserError {
  return new UserError({
    code: 'E_INTERRUPTED',
    message: 'the command was interrupted before the model was read',
    hint: 'run the command again',
  });
}
