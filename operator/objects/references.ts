// Which claims, images and Secrets a job refers to, and which of its pods needs which. A pod must
// not see a credential that only another one uses: the token of the hub is for `prepare` to read
// and `publish` to write, and no worker gets it.
import type { FineTuneJobSpec } from '../../crds/api/job.ts';
import type { BucketPlace, Destination, Source } from '../../crds/api/source.ts';
import { childName } from '../../crds/names/child-names.ts';
import { publishesInWorker } from '../../crds/plan/publication.ts';

export type PodRole = 'prepare' | 'worker' | 'publish';

interface ClaimUse {
  readonly claimName: string;
  readonly role: PodRole;
  readonly writes: boolean;
}

interface SecretUse {
  readonly role: PodRole;
  readonly name: string;
  readonly key: string;
  /** Some keys of a Secret need not be there. */
  readonly optional: boolean;
}

interface ImageUse {
  /** Source of the spec: model, train, eval. */
  readonly field: string;
  readonly reference: string;
  readonly role: PodRole;
}

export interface References {
  /** Claim that all pods of the job mount; absent: each prepares for itself. */
  readonly shared: string | undefined;
  readonly claims: readonly ClaimUse[];
  readonly secrets: readonly SecretUse[];
  readonly images: readonly ImageUse[];
  /** Ports of object stores, by role. */
  readonly stores: readonly { readonly role: PodRole; readonly port: number }[];
}

interface Used {
  readonly roles: readonly PodRole[];
  readonly writes: boolean;
  readonly field: string;
  readonly at: Source | Destination | undefined;
  /** Secret of a hub that is written to. */
  readonly token?: { readonly name: string; readonly key: string } | undefined;
}

export function referencesOf(job: {
  readonly name: string;
  readonly spec: FineTuneJobSpec;
}): References {
  const shared = sharedClaim(job);
  const used = usesOf(job.spec);
  const roles: readonly PodRole[] = ['prepare', 'worker', 'publish'];
  const { claims, ...rest } = collected(used);
  const own =
    shared === undefined ? [] : roles.map((role) => ({ claimName: shared, role, writes: true }));
  return { shared, claims: [...own, ...claims], ...rest };
}

/** Of a model that a pod reads for itself, and of what it reads from buckets beside it. */
export function referencesTo(model: Source, buckets: readonly BucketPlace[] = []): References {
  const reads = (field: string, at: Source) =>
    ({ roles: ['prepare'], writes: false, field, at }) as const;
  const rest = collected([reads('model', model), ...buckets.map((s3) => reads('adapter', { s3 }))]);
  return { shared: undefined, ...rest };
}

function collected(used: readonly Used[]): Omit<References, 'shared'> {
  return {
    claims: used.flatMap(({ at, roles, writes }) => {
      const claimName = at?.persistentVolumeClaim?.claimName;
      return claimName === undefined ? [] : roles.map((role) => ({ claimName, role, writes }));
    }),
    secrets: used.flatMap(secretsOf),
    images: used.flatMap(({ at, roles, field }) =>
      at !== undefined && 'image' in at && at.image !== undefined
        ? roles.map((role) => ({ field, reference: at.image?.reference ?? '', role }))
        : [],
    ),
    stores: used.flatMap((use) =>
      use.at?.s3 === undefined
        ? []
        : fetchersOf(use).map((role) => ({ role, port: portOf(use.at?.s3?.endpoint) })),
    ),
  };
}

/** Where models, tokens and checkpoints lie so that all pods see them. */
function sharedClaim({ name, spec }: { name: string; spec: FineTuneJobSpec }): string | undefined {
  const { data } = spec.storage;
  if (data?.volumeClaimTemplate !== undefined) return childName.dataClaim(name);
  return (
    data?.persistentVolumeClaim?.claimName ??
    spec.checkpoint.destination?.persistentVolumeClaim?.claimName ??
    spec.output.destination?.persistentVolumeClaim?.claimName
  );
}

function usesOf(spec: FineTuneJobSpec): readonly Used[] {
  const { model, dataset, checkpoint, output } = spec;
  const reads = (
    field: string,
    at: Source | Destination | undefined,
    roles: readonly PodRole[],
  ) => ({
    ...{ field, at, roles },
    writes: false,
  });
  return [
    // Weights are read where they lie; data only on its way to tokens.
    reads('model', model.source, ['prepare', 'worker', 'publish']),
    reads('train', dataset.train, ['prepare']),
    reads('eval', dataset.eval, ['prepare']),
    reads('resumeFrom', checkpoint.resumeFrom?.source, ['worker']),
    { field: 'checkpoint', at: checkpoint.destination, roles: ['worker', 'publish'], writes: true },
    {
      field: 'output',
      at: output.destination,
      roles: publishesInWorker(spec) ? ['worker', 'publish'] : ['publish'],
      writes: true,
      token: output.pushToHub?.tokenSecretRef,
    },
  ];
}

/** What prepare fetches, the others read from the shared folder. */
function fetchersOf({ roles }: Used): readonly PodRole[] {
  return roles.includes('prepare') ? ['prepare'] : roles;
}

function secretsOf(use: Used): readonly SecretUse[] {
  const { at, token } = use;
  const hub = at !== undefined && 'huggingFace' in at ? at.huggingFace?.tokenSecretRef : undefined;
  const store = at?.s3?.credentialsSecretRef;
  return [
    ...(hub === undefined ? [] : [{ role: 'prepare' as const, ...hub, optional: false }]),
    ...(token === undefined ? [] : [{ role: 'publish' as const, ...token, optional: false }]),
    ...(store === undefined
      ? []
      : fetchersOf(use).flatMap((role) =>
          storeKeys.map(({ key, optional }) => ({ role, name: store.name, key, optional })),
        )),
  ];
}

const storeKeys = [
  { key: 'AWS_ACCESS_KEY_ID', optional: false },
  { key: 'AWS_SECRET_ACCESS_KEY', optional: false },
  { key: 'AWS_SESSION_TOKEN', optional: true },
] as const;

function portOf(endpoint: string | undefined): number {
  if (endpoint === undefined) return 443;
  const { port, protocol } = new URL(endpoint);
  return port === '' ? (protocol === 'http:' ? 80 : 443) : Number(port);
}
