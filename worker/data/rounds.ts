import type { HostSequence } from '../engine/packed-sequence.ts';

/** Groups of sequences that ranks run at the same time; those without target tokens are skipped. */
export function* roundsOf(
  sequences: Iterable<HostSequence>,
  size: number,
): Generator<readonly HostSequence[]> {
  let round: HostSequence[] = [];
  for (const sequence of sequences) {
    if (sequence.targetCount === 0) continue;
    round.push(sequence);
    if (round.length < size) continue;
    yield round;
    round = [];
  }
  if (round.length > 0) yield round;
}
