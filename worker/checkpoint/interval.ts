// When to save. A checkpoint costs time and a lost step costs time; without a wish of the user the
// interval is the smallest one at which saving takes at most this share of training. Copies in
// memory may take as much again: with what is lost around them they stay below two percent.
export const saveShare = 0.005;
/** Before the first save its cost is not known: it comes after so many seconds of training. */
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

/** The fewest steps between copies that take so long each. Pure. */
export function stepsBetween(copyMs: number, stepMs: number): number {
  return Math.max(1, Math.ceil(copyMs / (saveShare * stepMs)));
}
