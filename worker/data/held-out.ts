// Which records are held out for evaluation: those whose numbers have the lowest hashes. The choice
// depends neither on the job's seed nor on the content of the records, so jobs with different seeds
// are evaluated on the same ones.
import { hash } from './order.ts';

interface HeldOutAmount {
  readonly samples?: number | undefined;
  readonly percent?: number | undefined;
}

/** Numbers of the held-out records, ascending; at least one record remains for training. */
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

/** Never changes: another key would hold out other records. */
const key = 0x68656c64;
