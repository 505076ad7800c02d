// Reads a verified checkpoint into tensors that are already there.
import { join } from 'node:path';
import { TerminalError } from '../../crds/errors.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { CheckpointManifest } from './manifest.ts';
import { openSafetensors } from './safetensors.ts';

/**
 * Copies every tensor of `targets` from the checkpoint, in the types the targets have. A name that the
 * checkpoint lacks is an error; names it has besides are left alone.
 */
export function loadState(
  folder: string,
  manifest: CheckpointManifest,
  targets: ReadonlyMap<string, Tensor>,
): void {
  const places = Map.groupBy(manifest.tensors, ({ name }) => name);
  const byFile = new Map<string, string[]>();
  for (const name of targets.keys()) {
    const [place] = places.get(name) ?? [];
    if (place === undefined) {
      const message = `${folder} has no tensor ${name}; it was written by another method or version`;
      throw new TerminalError({ code: 'E_CHECKPOINT_CORRUPTED', message });
    }
    byFile.set(place.file, [...(byFile.get(place.file) ?? []), name]);
  }
  for (const [file, names] of byFile) {
    using open = openSafetensors(join(folder, file));
    for (const name of names) {
      const target = targets.get(name);
      if (target !== undefined) scope(() => ops.copy_(target, open.load(name)));
    }
  }
}
