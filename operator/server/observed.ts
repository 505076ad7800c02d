// What the controller of servers reads of the API server: servers, what belongs to them, and the
// Adapters that they name.
import * as z from 'zod';
import { type ServerSpec, type ServerStatus, serverSpec } from '../../crds/api/adapter-server.ts';
import { modelSizes } from '../../crds/api/model-sizes.ts';
import { adapterNames, group, serverNames, version } from '../../crds/names/group.ts';
import { parseQuantity, quantity } from '../../crds/schema/quantity.ts';
import { metadata } from '../job/observed/metadata.ts';
import { numbered, type Specified, specifiedResource } from '../job/observed/specified.ts';
import type { ObjectMeta, Resource } from '../runtime/resource.ts';

export type ObservedServer = Specified<ServerSpec, ServerStatus>;

export const servers = specifiedResource<ServerSpec, ServerStatus>(serverNames, serverSpec);

const deployment = z
  .object({
    metadata,
    spec: z.object({ replicas: z.int().default(1) }).prefault({}),
    status: z
      .object({
        observedGeneration: z.int().default(0),
        replicas: z.int().default(0),
        updatedReplicas: z.int().default(0),
        availableReplicas: z.int().default(0),
        conditions: z
          .array(
            z.object({
              type: z.string(),
              status: z.string(),
              message: z.string().default(''),
            }),
          )
          .nullish(),
      })
      .prefault({}),
  })
  .and(numbered);

export type Deployment = Omit<z.output<typeof deployment>, 'metadata'> & {
  readonly metadata: ObjectMeta & { readonly generation: number };
};

export const deployments: Resource<Deployment> = {
  ...{ group: 'apps', version: 'v1', plural: 'deployments', kind: 'Deployment' },
  read: (raw) => deployment.parse(raw) as Deployment,
};

const terminated = z.object({
  exitCode: z.int().default(0),
  message: z.string().default(''),
});

const containerStatuses = z
  .array(
    z.object({
      name: z.string().default(''),
      state: z
        .object({
          waiting: z
            .object({ reason: z.string().default(''), message: z.string().default('') })
            .optional(),
          terminated: terminated.optional(),
        })
        .prefault({}),
      lastState: z.object({ terminated: terminated.optional() }).prefault({}),
    }),
  )
  .nullish();

const servingPod = z.object({
  metadata,
  status: z
    .object({
      podIP: z.string().optional(),
      conditions: z.array(z.object({ type: z.string(), status: z.string() })).nullish(),
      initContainerStatuses: containerStatuses,
      containerStatuses,
    })
    .prefault({}),
});

export type ServingPod = z.output<typeof servingPod>;

export const servingPods: Resource<ServingPod> = {
  ...{ group: '', version: 'v1', plural: 'pods', kind: 'Pod' },
  read: (raw) => servingPod.parse(raw),
};

const adapter = z.object({
  metadata,
  spec: z.object({
    base: z.object({
      digest: z.string(),
      // Of another version: as if there were none.
      sizes: modelSizes.optional().catch(undefined),
    }),
    forms: z.array(
      z.object({
        type: z.string(),
        uri: z.string(),
        endpoint: z.string().optional(),
        region: z.string().optional(),
        size: quantity().transform(parseQuantity).optional(),
      }),
    ),
  }),
});

export type ObservedAdapter = z.output<typeof adapter>;

export const servedAdapterObjects: Resource<ObservedAdapter> = {
  ...{ group, version, plural: adapterNames.plural, kind: adapterNames.kind },
  read: (raw) => adapter.parse(raw),
};
