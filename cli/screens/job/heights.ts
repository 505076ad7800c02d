// Distributes the rows of a job's screen over its panels: first the least that each needs, then
// more for the curve, the events and the workers.

interface Heights {
  readonly plot: number;
  readonly workers: number;
  readonly what: number;
}

interface Wanted {
  /** Rows of the panels, titles included. */
  readonly rows: number;
  /** Curve and workers are side by side. */
  readonly beside: boolean;
  readonly panels: ReadonlySet<number>;
  /** Lines of workers. */
  readonly workers: number;
  /** Lines below them: memory, reasons. */
  readonly belowWorkers: number;
  readonly happened: number;
  /** Lines of the method. */
  readonly method: number;
}

/**
 * Rows around the lines of a panel: its title, for the curve also axis and numbers, for the workers
 * also column names.
 */
const around = { curve: 3, workers: 2, what: 1, method: 1 } as const;
const least = { plot: 3, workers: 2, what: 2 } as const;
/** Rows of a plot: enough to see a curve, and more than anyone needs. */
const plotRows = { good: 8, most: 14 } as const;

export function heightsOf(wanted: Wanted): Heights {
  const { panels, beside, workers, belowWorkers, happened, method } = wanted;
  const has = (panel: number): boolean => panels.has(panel);
  let left = wanted.rows;
  if (has(1)) left -= around.curve;
  if (has(2) && !beside) left -= around.workers + belowWorkers;
  if (has(3)) left -= around.what;
  if (has(4)) left -= around.method + method;
  const rows = { plot: 0, workers: 0, what: 0 };
  const give = (part: keyof typeof rows, upTo: number): void => {
    const more = Math.max(0, Math.min(upTo - rows[part], left));
    rows[part] += more;
    left -= more;
  };
  const lines = Math.max(1, happened);
  if (has(1)) give('plot', least.plot);
  if (has(3)) give('what', Math.min(least.what, lines));
  if (has(2) && !beside) give('workers', Math.min(least.workers, workers));
  if (has(1)) give('plot', plotRows.good);
  if (has(2) && !beside) give('workers', Math.min(workers, 8));
  if (has(3)) give('what', Math.min(lines, 6));
  if (has(1)) give('plot', plotRows.most);
  if (has(2) && !beside) give('workers', workers);
  if (has(3)) give('what', lines);
  if (!beside) return rows;
  return { ...rows, workers: Math.max(0, rows.plot + 1 - belowWorkers) };
}
