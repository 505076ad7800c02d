// When the directions of a matrix are chosen anew: Q-GaLore's lazy, layer-adaptive rule. Choices
// that turn out alike make the next ones rarer.
//
//   a choice is due when there is none, or (updates before this one) mod gap = 0
//   at a choice: c = |cos(first direction of before, first direction now)| goes into a queue of Q,
//   the oldest out
//   if the queue is full and its mean >= threshold: gap ← floor(gap · growth); the queue stays
// Differently from the release: |cos|, since a direction is defined up to its sign.

interface SubspaceControl {
  /** Updates between two choices. */
  readonly gap: number;
  /** Choices so far. */
  readonly choices: number;
  /** The last cosines, oldest first. */
  readonly queue: readonly number[];
}

export interface LazySettings {
  /** The first gap. */
  readonly refreshSteps: number;
  readonly cosineThreshold: number;
  readonly gapGrowth: number;
  readonly queueSize: number;
}

export function firstControl({
  refreshSteps,
}: Pick<LazySettings, 'refreshSteps'>): SubspaceControl {
  return { gap: refreshSteps, choices: 0, queue: [] };
}

/** `updates`: how many the matrix has had before this one. */
export function isDue({ gap, choices }: SubspaceControl, updates: number): boolean {
  return choices === 0 || updates % gap === 0;
}

/** After a choice; `cosine` is null for the first. */
export function chosen(
  { gap, choices, queue: before }: SubspaceControl,
  cosine: number | null,
  { cosineThreshold, gapGrowth, queueSize }: LazySettings,
): SubspaceControl {
  if (cosine === null) return { gap, choices: choices + 1, queue: before };
  const queue = [...before, Math.abs(cosine)].slice(-queueSize);
  const mean = queue.reduce((sum, one) => sum + one, 0) / queue.length;
  const isSettled = queue.length === queueSize && mean >= cosineThreshold;
  return { gap: isSettled ? Math.floor(gap * gapGrowth) : gap, choices: choices + 1, queue };
}

/** As numbers that a checkpoint holds: gap, choices, length of the queue, the queue, zeros. */
export function toNumbers({ gap, choices, queue }: SubspaceControl, queueSize: number): number[] {
  const rest = new Array<number>(queueSize - queue.length).fill(0);
  return [gap, choices, queue.length, ...queue, ...rest];
}

export function fromNumbers([gap = 1, choices = 0, length = 0, ...queue]: readonly number[]) {
  return { gap, choices, queue: queue.slice(0, length) } satisfies SubspaceControl;
}
