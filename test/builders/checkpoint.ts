// Checkpoints for tests: their manifests, and one that is waited for.
import { createHash } from 'node:crypto';
import { type CheckpointManifest, manifestVersion } from '../../worker/checkpoint/manifest.ts';
import type { Checkpoints } from '../../worker/checkpoint/trainer-checkpoints.ts';
import type { TrainerState } from '../../worker/checkpoint/trainer-state.ts';

export const jobDigest = 'a'.repeat(64);

export function sha256(bytes: string | Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Of one file that holds `content`, as if it were tensors. */
export function aManifest(
  content = '',
  changes: Partial<CheckpointManifest> = {},
): CheckpointManifest {
  const file = { name: 'shard-0.safetensors', bytes: content.length, sha256: sha256(content) };
  return {
    ...{ version: manifestVersion, step: 3, job: jobDigest, base: 'base', files: [file] },
    tensors: [{ name: 'w', file: file.name, start: [0, 0], shape: [2, 3] }],
    state: { step: 3 },
    ...changes,
  };
}

/** To the end, without a step beside it. */
export async function save(checkpoints: Checkpoints, state: TrainerState): Promise<void> {
  await checkpoints.begin(state);
  await checkpoints.finish();
}
