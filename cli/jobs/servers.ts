// A server of adapters that a cluster has, from its object.
import type * as z from 'zod';
import {
  adapterServer,
  type ServerSpec,
  type ServerStatus,
  serverSpec,
  serverStatus,
} from '../../crds/api/adapter-server.ts';
import type { Unread } from './job.ts';
import { readPart, treeOf, unreadOf } from './read-part.ts';
import { metadataOf, type StoredMetadata } from './stored-metadata.ts';

export interface Server extends StoredMetadata {
  readonly kind: 'AdapterServer';
  readonly spec: ServerSpec;
  readonly status: ServerStatus;
  readonly unread?: Unread;
}

const root = () => treeOf(adapterServer);

export function readServer(object: object): Server {
  const spec = readPart(object, { name: 'spec', schema: serverSpec, root, blank: blankSpec });
  const now = readPart(object, { name: 'status', schema: serverStatus, root, blank: () => ({}) });
  const unread = unreadOf([spec, now]);
  return {
    ...{ kind: 'AdapterServer', ...metadataOf(object), spec: spec.value, status: now.value },
    ...(unread === undefined ? {} : { unread }),
  };
}

/** Replaces what cannot be read; its values are never shown. */
function blankSpec(): z.input<typeof serverSpec> {
  return { model: { source: { local: { path: '/unread' } } } };
}
