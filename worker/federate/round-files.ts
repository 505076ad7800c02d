// The records of a federation on this disk (crds/wire/federation.ts).
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type * as z from 'zod';
import { Bug } from '../../crds/failures/errors.ts';
import { digestOf } from '../../crds/plan/digest.ts';
import {
  type FederatedRun,
  type FederatedState,
  type FederationRecord,
  federationFiles,
  federationRecord,
} from '../../crds/wire/federation.ts';
import type { RunRecord } from '../../crds/wire/run-folder.ts';
import { readRecord, requireRecord, writeRecord } from '../run-folder.ts';

export interface Records {
  readonly root: string;
  read<S extends z.ZodType>(name: string, schema: S): Promise<z.output<S> | null>;
  require<S extends z.ZodType>(name: string, schema: S): Promise<z.output<S>>;
  write<S extends z.ZodType>(name: string, schema: S, record: z.input<S>): Promise<void>;
}

export function recordsIn(root: string): Records {
  const folder = join(root, federationFiles.records);
  const file = (name: string): string => `${name}.json`;
  return {
    root,
    read: (name, schema) => readRecord(folder, file(name), schema),
    require: (name, schema) => requireRecord(folder, file(name), schema),
    async write(name, schema, record) {
      await mkdir(folder, { recursive: true });
      await writeRecord(folder, file(name), schema, record);
    },
  };
}

export function federatedOf({ federated }: RunRecord): FederatedRun {
  if (federated === undefined) throw new Bug('the run is no part of a federation');
  return federated;
}

/** Of the client, for all rounds. */
export function accountFolder({ root, client = '' }: FederatedRun): string {
  return join(root, federationFiles.clients, client);
}

export function federationIn(root: string): Promise<FederationRecord> {
  return requireRecord(root, federationFiles.federation, federationRecord);
}

/** Names a state: objects by their digests. */
export function digestOfState({ fixed, trained, merged }: FederatedState): string {
  return digestOf({
    fixed: fixed?.digest,
    trained: trained?.digest,
    merged: merged.map(({ digest }) => digest),
  });
}
