// When the subspace of a matrix is refreshed: the lazy, layer-adaptive rule of Q-GaLore. Refreshes
// that change little make the next ones rarer.
//
//   a refresh is due when there was none, or (updates before this one) mod gap = 0
//   at a refresh: c = |cos(first direction before, first direction now)| enters a queue of Q; the
//   oldest leaves
//   if the queue is full and its mean >= threshold: gap ← floor(gap · growth); the queue stays
// Differs from the release in |cos|, since a direction is defined up to its sign.

interface SubspaceControl {
  /** Updates between two refreshes. */
  readonly gap: number;
  /** Refreshes so far. */
  readonly choices: number;
  /** The last cosines, oldest first. */
  readonly queue: readonly number[];
}

export interface LazySettings {
  /** The initial gap. */
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

/** `updates`: number of earlier updates of the matrix. */
export function isDue({ gap, choices }: SubspaceControl, updates: number): boolean {
  return choices === 0 || updates % gap === 0;
}

/** The state after a refresh; `cosine` is null for the first. */
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

/** The values that a checkpoint stores: gap, choices, length of the queue, the queue, zeros. */
export function toNumbers({ gap, choices, queue }: SubspaceControl, queueSize: number): number[] {
  const rest = new Array<number>(queueSize - queue.length).fill(0);
  return [gap, choices, queue.length, ...queue, ...rest];
}

export function fromNumbers([gap = 1, choices = 0, length = 0, ...queue]: readonly number[]) {
  return { gap, choices, queue: queue.slice(0, length) } satisfies SubspaceControl;
}
