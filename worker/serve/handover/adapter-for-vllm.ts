// Whether vLLM computes an adapter as it was trained. It reads one rank and one scale for all
// layers, and knows no patterns (PEFTHelper in vllm/lora/peft_helper.py): an adapter with others
// would be served with wrong numbers, not refused.
import { TerminalError } from '../../../crds/failures/errors.ts';
import type { LinearLayer } from '../../methods/adapters/adapter.ts';
import { openAdapter } from '../adapter-files.ts';
import { requireBase } from '../require-base.ts';
import { vllmRanks } from './vllm-arguments.ts';

interface VllmBase {
  readonly linears: readonly LinearLayer[];
  readonly digest: string;
  readonly acceptsUnnamed: boolean;
}

/** Rank of the adapter in the folder. Throws a sentence for one that vLLM must not get. */
export async function rankFor(name: string, folder: string, base: VllmBase): Promise<number> {
  using adapter = await openAdapter(folder, base.linears);
  requireBase(name, folder, adapter.baseDigest, base);
  const { rank, scale, layers, namesTargets } = adapter;
  if (!namesTargets) {
    throw refused(`adapter ${name} in ${folder} has no target_modules, which vLLM asks for`);
  }
  const other = layers.find(
    (layer) => adapter.rankOf(layer) !== rank || adapter.scaleOf(layer) !== scale,
  );
  if (other !== undefined) {
    throw refused(
      `adapter ${name} in ${folder} has rank ${adapter.rankOf(other)} and scale ${adapter.scaleOf(other)} at ${other.path}; vLLM computes all layers with rank ${rank} and scale ${scale}, as those of a UniformPEFTAdapter are`,
    );
  }
  const most = vllmRanks.at(-1) ?? 0;
  if (rank <= most) return rank;
  throw refused(`adapter ${name} in ${folder} has rank ${rank}; vLLM serves ${most} at most`);
}

function refused(message: string): TerminalError {
  return new TerminalError({ code: 'E_INVALID_MODEL', message });
}
