// Asks a worker process what the model of a job is. The command line reads no model files itself: that is the worker's
// knowledge, and it is worth a process of half a second.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '../../crds/index.ts';
import {
  type DescribedModel,
  describedModel,
  describedModelFile,
} from '../../crds/wire/described-model.ts';
import { type RunRecord, runFiles } from '../../crds/wire/run-folder.ts';
import type { Telemetry } from '../../crds/wire/telemetry.ts';
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
    const text = await readFile(join(folder, describedModelFile), 'utf8');
    return describedModel.parse(JSON.parse(text));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function interrupted(): UserError {
  return new UserError({
    code: 'E_INTERRUPTED',
    message: 'the model was not looked at to the end: the command was interrupted',
    hint: 'run the command again',
  });
}
