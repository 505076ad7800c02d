// `anneal federate FILE`: runs a federation on this machine, and prints each round as it ends.
import { join } from 'node:path';
import { digestOf } from '../../../crds/index.ts';
import { parseFederation } from '../../../crds/manifest/federation.ts';
import type { FederationRecord } from '../../../crds/wire/federation.ts';
import { chooseStored } from '../../client/numbered-store.ts';
import { readText } from '../../client/read-job.ts';
import { runFederation } from '../../federation/run-federation.ts';
import { federations } from '../../federation/store.ts';
import type { CliConfig } from '../../process/config.ts';
import { perform } from '../local-work/perform.ts';
import { checkout, placeOf } from '../local-work/place.ts';
import type { FederateFlags } from './command.ts';
import { federationJson, federationLines } from './text.ts';

export async function federateFromTerminal(
  file: string,
  flags: FederateFlags,
  config: CliConfig,
  worker = join(checkout, 'worker/main.ts'),
): Promise<number> {
  const { spec, metadata } = parseFederation(await readText(file), file);
  const { place, variables } = await placeOf(file, spec.template, flags, config);
  const record: FederationRecord = {
    ...{ version: 1, name: metadata.name ?? 'federation', ...place, spec },
    ...{ namespace: metadata.namespace ?? 'default', digest: digestOfResult(spec) },
  };
  using chosen = await chooseStored(federations, record, flags.fresh ?? false);
  const { stored } = chosen;
  const write = (line: string): void => void process.stdout.write(`${line}\n`);
  const view = (flags.output === 'json' ? federationJson : federationLines)(write, stored);
  return await perform(chosen, view, (signals) =>
    runFederation(stored, { worker, variables, view, ...signals }),
  );
}

/** Of what decides the adapter: not where it goes, nor how long a client may take. */
function digestOfResult({ template, quorum: _quorum, ...decisive }: FederationRecord['spec']) {
  const { model, dataset, method, training } = template;
  return digestOf({ ...decisive, model, dataset, method, training });
}
