// Linear layers of a block, by their paths in it.
import type { Linear, LinearRole } from '../../methods/linears.ts';

/** Layers whose paths begin with `block`, the path of the first one, in a share of all blocks. */
export function layersOf(block: string, share = 1) {
  return (
    inBlock: string,
    role: LinearRole,
    out: number,
    inputs: number,
    name = inBlock,
  ): Linear => ({
    ...{ name, path: `${block}.${inBlock}`, role, out, in: inputs, share },
  });
}
