// What is beside jobs, and is listed below them: hubs and clients of federations, pools in which
// jobs train together, and servers of adapters.
import type { Party } from './parties.ts';
import type { Pool } from './pools.ts';
import type { Server } from './servers.ts';

export type BesideJob = Party | Pool | Server;

/** Each in the order of the whole. */
export interface BesideJobs {
  readonly parties: readonly Party[];
  readonly pools: readonly Pool[];
  readonly servers: readonly Server[];
}

export const nothingBeside: BesideJobs = { parties: [], pools: [], servers: [] };

export function allBeside({ parties, pools, servers }: BesideJobs): readonly BesideJob[] {
  return [...parties, ...pools, ...servers];
}

export function besideJobs(all: readonly BesideJob[]): BesideJobs {
  return {
    parties: all.filter((one) => one.kind !== 'TrainingPool' && one.kind !== 'AdapterServer'),
    pools: all.filter((one) => one.kind === 'TrainingPool'),
    servers: all.filter((one) => one.kind === 'AdapterServer'),
  };
}

/** The list that has it. */
export function besideList({ kind }: BesideJob): keyof BesideJobs {
  if (kind === 'TrainingPool') return 'pools';
  return kind === 'AdapterServer' ? 'servers' : 'parties';
}

/** `adapterserver/team-a/answers`. */
export function besideKey({ kind, namespace, name }: BesideJob): string {
  return `${kind.toLowerCase()}/${namespace}/${name}`;
}
