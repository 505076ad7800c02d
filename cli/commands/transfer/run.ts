// `anneal transfer FILE`: moves an adapter to another base on this machine. With --kit: keeps what
// that needs of the records of a job.
import { chmod, copyFile, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { digestOf } from '../../../crds/index.ts';
import { parseTransfer } from '../../../crds/manifest/transfer.ts';
import { type RunRecord, runFiles, runRecord } from '../../../crds/wire/run-folder.ts';
import { type TransferRecord, transferFiles } from '../../../crds/wire/transfer.ts';
import { chooseStored, type Stored, type StoredKind } from '../../client/numbered-store.ts';
import { readJob, readText } from '../../client/read-job.ts';
import type { CliConfig } from '../../process/config.ts';
import { makeKit, runTransfer, transfers } from '../../transfer/run-transfer.ts';
import { perform } from '../local-work/perform.ts';
import { checkout, placeOf } from '../local-work/place.ts';
import type { TransferFlags } from './command.ts';
import { transferJson, transferLines } from './text.ts';

const worker = join(checkout, 'worker/main.ts');

export async function transferFromTerminal(
  file: string,
  flags: TransferFlags,
  config: CliConfig,
): Promise<number> {
  if (flags.kit !== undefined) return kitFromTerminal(file, flags, config, flags.kit);
  const { spec, metadata } = parseTransfer(await readText(file), file);
  const { place, variables } = await placeOf(file, spec.job, flags, config);
  const record: TransferRecord = {
    ...{ version: 1, name: metadata.name ?? 'transfer', ...place, spec },
    ...{ namespace: metadata.namespace ?? 'default', digest: digestOfResult(spec) },
  };
  using chosen = await chooseStored(transfers, record, flags.fresh ?? false);
  const { stored } = chosen;
  const view = viewOf(stored, flags);
  return await perform(chosen, view, (signals) =>
    runTransfer(stored, { worker, variables, view, ...signals }),
  );
}

const kits: StoredKind<RunRecord> = { kind: 'kits', file: runFiles.run, schema: runRecord };

async function kitFromTerminal(
  file: string,
  flags: TransferFlags,
  config: CliConfig,
  kit: string,
): Promise<number> {
  const { job } = await readJob(file, 'machine');
  const { spec, metadata } = job;
  const { place, variables } = await placeOf(file, spec, flags, config);
  const { model, dataset, training } = spec;
  const record: RunRecord = {
    ...{ version: 1, name: metadata.name ?? 'job', ...place, spec },
    namespace: metadata.namespace ?? 'default',
    digest: digestOf({ model, dataset, seed: training.seed }),
  };
  using chosen = await chooseStored(kits, record, flags.fresh ?? false);
  const { stored } = chosen;
  const view = viewOf(stored, flags);
  return await perform(chosen, view, async (signals) => {
    const ended = await makeKit(stored, { worker, variables, view, ...signals });
    if (ended.type !== 'Complete') return ended;
    await handOver(join(stored.folder, transferFiles.kit), kit);
    return ended;
  });
}

function viewOf(stored: Stored<{ readonly name: string }>, { output }: TransferFlags) {
  const write = (line: string): void => void process.stdout.write(`${line}\n`);
  return (output === 'json' ? transferJson : transferLines)(write, stored);
}

/** Where it stays alone; it has texts of records, so nobody but its owner may read it. */
async function handOver(made: string, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, transferFiles.kit);
  await copyFile(made, `${path}.new`);
  await chmod(`${path}.new`, 0o600);
  await rename(`${path}.new`, path);
  await rm(made);
}

/** Of what decides the adapter: not where it goes, nor when it is refused. */
function digestOfResult({ job, gate: _gate, ...decisive }: TransferRecord['spec']): string {
  const { model, dataset, method, training } = job;
  return digestOf({ ...decisive, model, dataset, method, training });
}
