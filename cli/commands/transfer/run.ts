// `anneal transfer FILE`: moves an adapter to another base on this machine. With --kit: keeps what
// that needs of the records of a job.
import { chmod, copyFile, mkdir, rename, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { digestOf, type FineTuneJobSpec } from '../../../crds/index.ts';
import { parseTransfer } from '../../../crds/manifest/transfer.ts';
import {
  type OutcomeRecord,
  type RunRecord,
  runFiles,
  runRecord,
} from '../../../crds/wire/run-folder.ts';
import { type TransferRecord, transferFiles } from '../../../crds/wire/transfer.ts';
import type { LocalOutcome } from '../../client/local-run.ts';
import {
  chooseStored,
  type Stored,
  type StoredKind,
  writeJson,
} from '../../client/numbered-store.ts';
import { readJob, readText } from '../../client/read-job.ts';
import { stopSignals } from '../../client/stop-signals.ts';
import { chooseDevices, needsLooking } from '../../devices/choose-devices.ts';
import { findDevices } from '../../devices/find-devices.ts';
import { now } from '../../process/clock.ts';
import type { CliConfig } from '../../process/config.ts';
import { thisMachine } from '../../setup/machine.ts';
import { makeKit, runTransfer, transfers } from '../../transfer/run-transfer.ts';
import type { TransferFlags } from './command.ts';
import { transferJson, transferLines } from './text.ts';

const checkout = join(import.meta.dirname, '../../..');
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
  const { stored, continued } = chosen;
  return performed(stored, { flags, variables, continued }, (context) =>
    runTransfer(stored, context),
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
  const { stored, continued } = chosen;
  return performed(stored, { flags, variables, continued }, async (context) => {
    const ended = await makeKit(stored, context);
    if (ended.type !== 'Complete') return ended;
    await handOver(join(stored.folder, transferFiles.kit), kit);
    return ended;
  });
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

interface Performing {
  readonly flags: TransferFlags;
  readonly variables: Readonly<Record<string, string>>;
  readonly continued: boolean;
}

type Context = Parameters<typeof runTransfer>[1];

/** Until it ends, or somebody stops it. */
async function performed(
  stored: Stored<{ readonly name: string }>,
  { flags, variables, continued }: Performing,
  act: (context: Context) => Promise<LocalOutcome>,
): Promise<number> {
  const write = (line: string): void => void process.stdout.write(`${line}\n`);
  const view = (flags.output === 'json' ? transferJson : transferLines)(write, stored);
  view.begin(continued);
  const signals = stopSignals();
  const onSignal = (): void => {
    if (signals.press(now())) view.warn('saving and stopping; press again to end at once');
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  const { stop, kill } = signals;
  const outcome = await act({ worker, variables, stop, kill, view });
  const ended: OutcomeRecord = {
    ...{ version: 1, state: outcome.type, endedAt: now().toISOString() },
    ...(outcome.type === 'Failed' && { code: outcome.error.code, message: outcome.error.message }),
  };
  await writeJson(stored.folder, runFiles.outcome, ended);
  view.end(outcome.type);
  if (outcome.type === 'Failed') throw outcome.error;
  return outcome.type === 'Complete' ? 0 : 130;
}

async function placeOf(
  file: string,
  job: FineTuneJobSpec,
  flags: TransferFlags,
  config: CliConfig,
) {
  const asked = flags.device ?? 'auto';
  const found = needsLooking(asked, job) ? await findDevices(thisMachine(), checkout) : undefined;
  const { devices, note } = chooseDevices(asked, job, 1, found);
  if (note !== undefined) process.stderr.write(`${note}\n`);
  const [device = 'cpu'] = devices;
  const volumes = Object.entries(flags.volume ?? {});
  const place = {
    folder: dirname(resolve(file)),
    volumes: Object.fromEntries(volumes.map(([name, folder]) => [name, resolve(folder)])),
    cache: config.cache,
    device,
    threads: flags.threads ?? config.threads ?? availableParallelism(),
    createdAt: now().toISOString(),
  };
  return { place, variables: device === 'cpu' ? {} : (found?.variables ?? {}) };
}

/** Of what decides the adapter: not where it goes, nor when it is refused. */
function digestOfResult({ job, gate: _gate, ...decisive }: TransferRecord['spec']): string {
  const { model, dataset, method, training } = job;
  return digestOf({ ...decisive, model, dataset, method, training });
}
