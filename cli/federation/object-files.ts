// Objects of a federation between the folder of a party and the bus. What arrives is a file only
// when its bytes have the SHA-256 that the records name.
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../crds/index.ts';
import {
  type FederatedState,
  federationFiles,
  type StoredObject,
} from '../../crds/wire/federation.ts';
import {
  chunkBytes,
  largestObjectBytes,
  type ObjectBucket,
} from '../../crds/wire/federation-bus.ts';
import type { FederationLink } from '../../crds/wire/federation-link.ts';

export function objectFile(root: string, digest: string): string {
  return join(root, federationFiles.objects, `${digest}.safetensors`);
}

/** What a client has to have before it begins. */
export function objectsOf({ fixed, trained, merged }: FederatedState): readonly StoredObject[] {
  return [fixed, trained, ...merged].filter((object) => object !== undefined);
}

/** Puts the file of the object on the bus. */
export async function sendObject(
  link: FederationLink,
  bucket: ObjectBucket,
  root: string,
  object: StoredObject,
): Promise<void> {
  requireSize(object);
  const chunks = createReadStream(objectFile(root, object.digest), { highWaterMark: chunkBytes });
  // Of this upload alone: a server takes chunks of an earlier one for those that it has.
  const nuid = randomBytes(16).toString('hex');
  await link.put(bucket, { digest: object.digest, nuid, chunks });
}

/** Refused before the first byte: a server would refuse it in the middle. */
function requireSize({ digest, bytes }: StoredObject): void {
  if (bytes <= largestObjectBytes) return;
  throw new UserError({
    code: 'E_INVALID_SPEC',
    message: `object ${digest.slice(0, 12)} has ${bytes} bytes; over a bus one has at most ${largestObjectBytes}`,
    hint: 'FedSB sends least; a smaller rank or fewer target modules send less',
  });
}

/** Why the object is not in the folder now; null where it is. */
export async function receiveObject(
  link: FederationLink,
  bucket: ObjectBucket,
  root: string,
  { digest, bytes }: StoredObject,
): Promise<string | null> {
  const path = objectFile(root, digest);
  if ((await stat(path).catch(() => null))?.size === bytes) return null;
  if (bytes > largestObjectBytes) {
    return `its object has ${bytes} bytes; over a bus one has at most ${largestObjectBytes}`;
  }
  const described = await link.describe(bucket, digest);
  if (described === null) return `its object ${digest.slice(0, 12)} is missing`;
  if (described.size !== bytes) {
    return `its object ${digest.slice(0, 12)} has ${described.size} bytes where its record says ${bytes}: it is damaged`;
  }
  await mkdir(join(root, federationFiles.objects), { recursive: true });
  const partial = `${path}.partial`;
  const found = await written(partial, link.chunks(bucket, described));
  if (found === digest) {
    await rename(partial, path);
    return null;
  }
  await rm(partial);
  return `its object has the SHA-256 ${found.slice(0, 12)} and is named ${digest.slice(0, 12)}: it is damaged`;
}

/** SHA-256 of what was written. */
async function written(path: string, chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256');
  await using file = await open(path, 'w');
  for await (const chunk of chunks) {
    hash.update(chunk);
    await file.writeFile(chunk);
  }
  await file.sync();
  return hash.digest('hex');
}
