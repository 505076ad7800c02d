// When to save. Without an interval of the user, saves come as often as possible while they take at
// most this fraction of the training time. Copies in memory may take as much again; with all around
// them both stay below two percent.
export const saveShare = 0.005;
/** The first save comes after so many seconds of training, since its cost is not known yet. */
export const firstSaveSeconds = 60;

export interface SaveWish {
  readonly intervalSteps: number | null;
  readonly intervalSeconds: number | null;
}

export interface SaveHistory {
  readonly stepsSinceSave: number;
  readonly secondsSinceSave: number;
  /** Seconds that the last save took; null before the first. */
  readonly saveSeconds: number | null;
}

/** Whether a save is due now. Pure. */
export function saveIsDue(wish: SaveWish, history: SaveHistory): boolean {
  if (history.stepsSinceSave === 0) return false;
  const { intervalSteps, intervalSeconds } = wish;
  if (intervalSteps !== null && history.stepsSinceSave >= intervalSteps) return true;
  if (intervalSeconds !== null && history.secondsSinceSave >= intervalSeconds) return true;
  if (intervalSteps !== null || intervalSeconds !== null) return false;
  if (history.saveSeconds === null) return history.secondsSinceSave >= firstSaveSeconds;
  return history.secondsSinceSave * saveShare >= history.saveSeconds;
}

/** The fewest steps between copies, for copies that take `copyMs`. Pure. */
export function stepsBetween(copyMs: number, stepMs: number): number {
  return Math.max(1, Math.ceil(copyMs / (saveShare * stepMs)));
}
