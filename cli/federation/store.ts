// Federations of this machine: `<cache>/federations/<name>/<number>`.
import {
  type FederationRecord,
  federationFiles,
  federationRecord,
} from '../../crds/wire/federation.ts';
import type { Stored, StoredKind } from '../client/numbered-store.ts';

export const federations: StoredKind<FederationRecord> = {
  kind: 'federations',
  file: federationFiles.federation,
  schema: federationRecord,
};

export type StoredFederation = Stored<FederationRecord>;
