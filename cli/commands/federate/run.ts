// `anneal federate FILE`: runs a federation on this machine, or its hub or one of its clients, and
// prints each round as it ends.
import { join } from 'node:path';
import { digestOf } from '../../../crds/index.ts';
import { parseFederation } from '../../../crds/manifest/federation.ts';
import { isFederationPeer } from '../../../crds/manifest/federation-peer.ts';
import type { FederationRecord } from '../../../crds/wire/federation.ts';
import { chooseStored } from '../../client/numbered-store.ts';
import { readText } from '../../client/read-job.ts';
import { busCohort } from '../../federation/bus-cohort.ts';
import { HubBus } from '../../federation/hub-bus.ts';
import { localCohort } from '../../federation/local-cohort.ts';
import { makeKeys } from '../../federation/make-keys.ts';
import { runHub } from '../../federation/run-hub.ts';
import { federations } from '../../federation/store.ts';
import type { CliConfig } from '../../process/config.ts';
import { perform } from '../local-work/perform.ts';
import { checkout, placeOf } from '../local-work/place.ts';
import { onBus, requireBusFlags } from './bus.ts';
import type { FederateFlags } from './command.ts';
import { takePartFromTerminal } from './peer.ts';
import { federationJson, federationLines } from './text.ts';

/** Which program trains, and where lines go. */
export interface FederateSurroundings {
  readonly worker: string;
  readonly write: (line: string) => void;
}

const ofTerminal: FederateSurroundings = {
  worker: join(checkout, 'worker/main.ts'),
  write: (line) => void process.stdout.write(`${line}\n`),
};

export async function federateFromTerminal(
  file: string,
  flags: FederateFlags,
  config: CliConfig,
  { worker, write }: FederateSurroundings = ofTerminal,
): Promise<number> {
  requireBusFlags(flags);
  const text = await readText(file);
  if (isFederationPeer(text))
    return takePartFromTerminal({ file, text }, flags, config, { worker, write });
  const where = (flags.bus ?? flags.makeKeys) ? 'bus' : 'machine';
  const { spec, metadata } = parseFederation(text, file, where);
  const { place, variables } = await placeOf(file, spec.template, flags, config);
  const record: FederationRecord = {
    ...{ version: 1, name: metadata.name ?? 'federation', ...place, spec },
    ...{ namespace: metadata.namespace ?? 'default', digest: digestOfResult(spec) },
  };
  if (flags.makeKeys !== undefined) return writeKeys(flags.makeKeys, record, write);
  using chosen = await chooseStored(federations, record, flags.fresh ?? false);
  const { stored } = chosen;
  const view = (flags.output === 'json' ? federationJson : federationLines)(write, stored);
  return await perform(chosen, view, (signals) => {
    const context = { worker, variables, view, ...signals };
    if (flags.bus === undefined) return runHub(stored, context, localCohort(stored, context));
    return onBus(flags, { name: 'hub', ...signals, view }, async (connection, link) => {
      const bus = await HubBus.begin(connection, link, stored);
      return await runHub(stored, context, busCohort(stored, bus, context));
    });
  });
}

async function writeKeys(
  folder: string,
  { name, spec }: FederationRecord,
  write: (line: string) => void,
): Promise<number> {
  const clients = spec.clients.map((client) => client.name);
  for (const file of await makeKeys(folder, name, clients)) write(join(folder, file));
  return 0;
}

/** Of what decides the adapter: not where it goes, nor how long a client may take. */
function digestOfResult({ template, quorum: _quorum, ...decisive }: FederationRecord['spec']) {
  const { model, dataset, method, training } = template;
  return digestOf({ ...decisive, model, dataset, method, training });
}
