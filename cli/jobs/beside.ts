// What is beside jobs, and is listed below them: hubs and clients of federations, and servers of
// adapters.
import type { Party } from './parties.ts';
import type { Server } from './servers.ts';

export type BesideJob = Party | Server;

/** Each newest first. */
export interface BesideJobs {
  readonly parties: readonly Party[];
  readonly servers: readonly Server[];
}

export const nothingBeside: BesideJobs = { parties: [], servers: [] };

/** `adapterserver/team-a/answers`. */
export function besideKey({ kind, namespace, name }: BesideJob): string {
  return `${kind.toLowerCase()}/${namespace}/${name}`;
}
