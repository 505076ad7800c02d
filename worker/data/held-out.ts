// Which records are set aside for evaluation: those whose number hashes lowest. The choice knows
// neither the seed of the job nor what is in the records, so that jobs with other seeds are
// measured on the same ones.
import { hash } from './order.ts';

interface HeldOutAmount {
  readonly samples?: number | undefined;
  readonly percent?: number | undefined;
}

/** Numbers of the records set aside, ascending; at least one record is left to learn from. */
export function chooseHeldOut(samples: number, amount: HeldOutAmount | undefined): number[] {
  const wanted = amount?.samples ?? Math.round(((amount?.percent ?? 0) / 100) * samples);
  const count = Math.max(0, Math.min(wanted, samples - 1));
  if (count === 0) return [];
  const ranks = Uint32Array.from({ length: samples }, (_, sample) => hash(sample, key));
  const last = ranks.toSorted()[count - 1] ?? 0;
  const chosen: number[] = [];
  const tied: number[] = [];
  for (const [sample, rank] of ranks.entries()) {
    if (rank < last) chosen.push(sample);
    else if (rank === last) tied.push(sample);
  }
  return [...chosen, ...tied.slice(0, count - chosen.length)].sort((a, b) => a - b);
}

/** Fixed for ever: another number would set aside other records. */
const key = 0x68656c64;
