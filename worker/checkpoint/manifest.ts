// A checkpoint is a folder `step-<n>` with files of tensors and this manifest. The folder gets its
// name by one rename after all of it is on disk, so an unfinished save never has a final name;
// digests detect later damage.
import * as z from 'zod';
import { UserError } from '../../crds/failures/errors.ts';
import { jsonLimits, parseJson, RefusedBytes } from '../../crds/text/json.ts';

/** Incremented when older readers cannot read a new layout. */
export const manifestVersion = 2;

const digest = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.int().min(0);

export const manifestFile = z.object({
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/),
  bytes: count,
  sha256: digest,
});

export const manifestTensor = z.object({
  name: z.string().max(512),
  file: z.string().max(100),
  /** Where the shard begins in the logical tensor, and its shape. */
  start: z.array(count).max(8),
  shape: z.array(count).max(8),
  /**
   * Shape of the logical tensor where the shard is a range of its elements in row order; start and
   * shape are then one number each.
   */
  whole: z.array(count).max(8).optional(),
});

export const checkpointManifest = z.object({
  version: z.literal(manifestVersion),
  /** Optimizer steps done. */
  step: count,
  /** Digest of everything in the job that decides the result. */
  job: digest,
  /** Digest of the frozen base, which is referenced and not copied. */
  base: z.string().max(200),
  /** Digest of the initial factors of the adapter, where it has such (initial-factors.ts). */
  initial: digest.optional(),
  files: z.array(manifestFile).min(1).max(65_536),
  /** Logical tensors, which a world of any size reads by ranges. */
  tensors: z.array(manifestTensor).max(1_000_000),
  /** The trainer's state: counters, position, evaluations. Opaque here. */
  state: z.record(z.string(), z.unknown()),
  /** The history of the run. Opaque here. */
  life: z.record(z.string(), z.unknown()).optional(),
  /** How long the save stopped training. */
  ms: z.number().min(0).optional(),
});

export type CheckpointManifest = z.output<typeof checkpointManifest>;

/** The manifest in `bytes`; throws a UserError that says what is wrong with the file. */
export function parseManifest(bytes: Uint8Array, path: string): CheckpointManifest {
  const refuse = (what: string): never => {
    throw corrupted(path, what);
  };
  const parsed = checkpointManifest.safeParse(json(bytes, path));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const where = issue?.path.join('.') ?? '';
    refuse(
      `is not a checkpoint manifest of version ${manifestVersion}: ${where} ${issue?.message ?? ''}`,
    );
  }
  const manifest = parsed.data as CheckpointManifest;
  const files = new Set(manifest.files.map(({ name }) => name));
  if (files.size !== manifest.files.length) refuse('lists a file twice');
  for (const { name, file, start, shape, whole } of manifest.tensors) {
    if (!files.has(file)) refuse(`puts ${name} into ${file}, which it does not list`);
    if (start.length !== shape.length)
      refuse(`gives ${name} a start of another rank than its shape`);
    if (whole === undefined) continue;
    const [first = 0] = start;
    const [length = 0] = shape;
    if (start.length !== 1 || first + length > whole.reduce((size, one) => size * one, 1))
      refuse(`gives ${name} a range outside of the tensor`);
  }
  return manifest;
}

function json(bytes: Uint8Array, path: string): unknown {
  try {
    return parseJson(bytes, jsonLimits.checkpointManifest);
  } catch (cause) {
    if (!(cause instanceof RefusedBytes)) throw cause;
    throw corrupted(path, `${cause.message}; the file was cut off or overwritten`, cause);
  }
}

function corrupted(path: string, what: string, cause?: unknown): UserError {
  const message = `${path} ${what}`;
  return new UserError({ code: 'E_CHECKPOINT_CORRUPTED', path, message, cause });
}
