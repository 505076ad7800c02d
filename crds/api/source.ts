// A source or destination of files: a union with exactly one member. The same file works on a
// cluster and on one machine, where a claim is a folder of that name in the cache.
import * as z from 'zod';
import { type Rule, rule } from '../schema/rule.ts';
import { objectName, text } from '../schema/text.ts';
import { exactlyOne } from '../schema/union.ts';
import { imageReference } from './pod-fields.ts';

const staysInside: Rule<string> = {
  id: 'source: a path stays inside its volume',
  cel: "!self.startsWith('/') && !self.matches('(^|/)[.][.](/|$)')",
  check: (self) => !self.startsWith('/') && !/(^|\/)[.][.](\/|$)/.test(self),
  message: 'must be relative to the volume and must not contain ..',
};

export const secretKeyRef = z.strictObject({
  name: objectName().describe('Name of the Secret, in the namespace of the job.'),
  key: text(253, /^[-._a-zA-Z0-9]+$/, 'a key of a Secret: letters, digits, -, _ and .')
    .default('token')
    .describe('Key inside the Secret.'),
});

export const secretRef = z.strictObject({
  name: objectName().describe('Name of the Secret, in the namespace of the job.'),
});

const huggingFace = z.strictObject({
  repository: text(
    200,
    /^[A-Za-z0-9][A-Za-z0-9._-]*(\/[A-Za-z0-9][A-Za-z0-9._-]*)?$/,
    'a repository such as owner/name',
  ).describe('Repository on the hub, `owner/name`.'),
  revision: text(200)
    .default('main')
    .describe('Branch, tag or commit. The resolved commit is recorded in status.'),
  tokenSecretRef: secretKeyRef
    .optional()
    .describe('Secret with a token that has read access. A local run reads HF_TOKEN instead.'),
});

export const s3 = z.strictObject({
  uri: text(
    1024,
    /^s3:\/\/[a-z0-9][a-z0-9.-]*(\/.*)?$/,
    'an address such as s3://bucket/prefix',
  ).describe('Bucket and prefix, `s3://bucket/prefix`.'),
  endpoint: text(1024, /^https?:\/\//, 'an address that begins with http:// or https://')
    .optional()
    .describe('Address of an S3-compatible service; the one of AWS when absent.'),
  region: text(64).optional().describe('Region of the bucket.'),
  credentialsSecretRef: secretRef
    .optional()
    .describe(
      'Secret with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. A local run reads the environment instead.',
    ),
});

export type BucketPlace = z.output<typeof s3>;

/** A file or folder in a volume. */
export const claimPath = z.strictObject({
  claimName: objectName().describe(
    'Claim in the namespace of the job. On one machine: a folder of this name in the folder of local volumes.',
  ),
  path: rule(text(1024), staysInside).default('.').describe('File or folder inside the volume.'),
});

const image = z.strictObject({
  reference: imageReference().describe(
    'Image whose file system has the files, preferably with a digest.',
  ),
  path: text(1024).default('/').describe('File or folder inside the image.'),
});

const local = z.strictObject({
  path: text(4096).describe(
    'File or folder on this machine; relative to the folder of the job file.',
  ),
});

const members = {
  huggingFace: huggingFace.optional().describe('A repository on the Hugging Face hub.'),
  s3: s3.optional().describe('A prefix in a bucket.'),
  persistentVolumeClaim: claimPath.optional().describe('A folder or file in a volume.'),
  image: image.optional().describe('A folder or file in a container image.'),
  local: local.optional().describe('A folder or file on this machine. Not on a cluster.'),
};

/** `extra`: additional fields of a source, such as files or split. */
export function sourceOf<Extra extends z.ZodRawShape>(id: string, extra: Extra) {
  const schema = z.strictObject({ ...members, ...extra });
  return refuseLocalOnCluster(
    exactlyOne(schema, `${id} has one member`, Object.keys(members)),
    `${id} is not local`,
  );
}

const source = sourceOf('source', {});
export type Source = z.output<typeof source>;

const sinks = {
  s3: members.s3,
  persistentVolumeClaim: members.persistentVolumeClaim,
  local: members.local,
};

export function destinationOf(id: string) {
  return refuseLocalOnCluster(
    exactlyOne(z.strictObject(sinks), `${id} has one member`, Object.keys(sinks)),
    `${id} is not local`,
  );
}

/** A folder of this machine: by its path, or in a claim that a folder stands for. */
export function folderOf(id: string) {
  const { persistentVolumeClaim, local } = members;
  return exactlyOne(z.strictObject({ persistentVolumeClaim, local }), `${id} has one member`, [
    'persistentVolumeClaim',
    'local',
  ]);
}

export type Folder = z.output<ReturnType<typeof folderOf>>;

export type Destination = z.output<ReturnType<typeof destinationOf>>;

function refuseLocalOnCluster<S extends z.ZodType>(schema: S, id: string): S {
  return rule(schema, {
    id,
    where: 'cluster',
    cel: '!has(self.local)',
    check: (self) => !(typeof self === 'object' && self !== null && Object.hasOwn(self, 'local')),
    message: 'is a local path, which no pod can see; it must be a claim, a bucket or a repository',
    path: ['local'],
  });
}
