// How many rows each part of the screen of a job gets, so that all of them are seen: first what is
// needed to understand each, then more of the curve, of what happened, of the workers.

interface Heights {
  readonly plot: number;
  readonly workers: number;
  readonly what: number;
}

interface Wanted {
  /** Rows of the panels, their heads included. */
  readonly rows: number;
  /** Curve and workers lie beside each other. */
  readonly beside: boolean;
  readonly panels: ReadonlySet<number>;
  /** Lines that workers fill. */
  readonly workers: number;
  /** Lines below them: memory, reasons. */
  readonly belowWorkers: number;
  readonly happened: number;
  /** Lines of the method. */
  readonly method: number;
}

/**
 * The head of a panel; of a curve also its axis and its numbers; of workers also the names of their
 * columns.
 */
const around = { curve: 3, workers: 2, what: 1, method: 1 } as const;
const least = { plot: 3, workers: 2, what: 2 } as const;
/** Rows of a plot: enough to see a curve, and more than anybody needs. */
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
