// `anneal federate FILE`: runs a federation on this machine, and prints each round as it ends.
import { availableParallelism } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { digestOf } from '../../../crds/index.ts';
import { parseFederation } from '../../../crds/manifest/federation.ts';
import { type FederationRecord, federationFiles } from '../../../crds/wire/federation.ts';
import type { OutcomeRecord } from '../../../crds/wire/run-folder.ts';
import { chooseStored, writeJson } from '../../client/numbered-store.ts';
import { readText } from '../../client/read-job.ts';
import { stopSignals } from '../../client/stop-signals.ts';
import { chooseDevices, needsLooking } from '../../devices/choose-devices.ts';
import { findDevices } from '../../devices/find-devices.ts';
import { runFederation } from '../../federation/run-federation.ts';
import { federations } from '../../federation/store.ts';
import { now } from '../../process/clock.ts';
import type { CliConfig } from '../../process/config.ts';
import { thisMachine } from '../../setup/machine.ts';
import type { FederateFlags } from './command.ts';
import { federationJson, federationLines } from './text.ts';

const checkout = join(import.meta.dirname, '../../..');

export async function federateFromTerminal(
  file: string,
  flags: FederateFlags,
  config: CliConfig,
  worker = join(checkout, 'worker/main.ts'),
): Promise<number> {
  const { record, variables } = await recordOf(file, flags, config);
  using chosen = await chooseStored(federations, record, flags.fresh ?? false);
  const { stored, continued } = chosen;
  const write = (line: string): void => void process.stdout.write(`${line}\n`);
  const view = (flags.output === 'json' ? federationJson : federationLines)(write, stored);
  view.begin(continued);
  const signals = stopSignals();
  const onSignal = (): void => {
    if (signals.press(now())) view.warn('saving and stopping; press again to end at once');
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  const { stop, kill } = signals;
  const outcome = await runFederation(stored, { worker, variables, stop, kill, view });
  const ended: OutcomeRecord = {
    ...{ version: 1, state: outcome.type, endedAt: now().toISOString() },
    ...(outcome.type === 'Failed' && { code: outcome.error.code, message: outcome.error.message }),
  };
  await writeJson(stored.folder, federationFiles.outcome, ended);
  view.end(outcome.type);
  if (outcome.type === 'Failed') throw outcome.error;
  return outcome.type === 'Complete' ? 0 : 130;
}

async function recordOf(file: string, flags: FederateFlags, config: CliConfig) {
  const { spec, metadata } = parseFederation(await readText(file), file);
  const { template } = spec;
  const asked = flags.device ?? 'auto';
  const found = needsLooking(asked, template)
    ? await findDevices(thisMachine(), checkout)
    : undefined;
  const { devices, note } = chooseDevices(asked, template, 1, found);
  if (note !== undefined) process.stderr.write(`${note}\n`);
  const [device = 'cpu'] = devices;
  const volumes = Object.entries(flags.volume ?? {});
  const record: FederationRecord = {
    version: 1,
    name: metadata.name ?? 'federation',
    namespace: metadata.namespace ?? 'default',
    folder: dirname(resolve(file)),
    spec,
    digest: digestOfResult(spec),
    volumes: Object.fromEntries(volumes.map(([name, folder]) => [name, resolve(folder)])),
    cache: config.cache,
    device,
    threads: flags.threads ?? config.threads ?? availableParallelism(),
    createdAt: now().toISOString(),
  };
  return { record, variables: device === 'cpu' ? {} : (found?.variables ?? {}) };
}

/** Of what decides the adapter: not where it goes, nor how long a client may take. */
function digestOfResult({ template, quorum: _quorum, ...decisive }: FederationRecord['spec']) {
  const { model, dataset, method, training } = template;
  return digestOf({ ...decisive, model, dataset, method, training });
}
