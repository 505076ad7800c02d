/**
 * How long test files take, told by when their results arrive: a result is charged with the time
 * since the one before, so that the start of a process counts for the file that it runs. Of files
 * that run two at a time each has about half of what it took.
 */
const shown = 8;
/** Below, a file is not worth a thought. */
const leastSeconds = 20;

export interface FileTimes {
  /** A test of this title ended. */
  ended(title: string): void;
  /** The files that took longest, with their seconds; empty where all are quick. */
  longest(): string;
}

export function fileTimes(now: () => number): FileTimes {
  const spent = new Map<string, number>();
  let last = now();
  return {
    ended(title) {
      const at = now();
      // AVA names the file where it runs several.
      const file = title.split(' › ').slice(0, -1).join(' › ');
      spent.set(file, (spent.get(file) ?? 0) + at - last);
      last = at;
    },
    longest() {
      return [...spent]
        .filter(([file, ms]) => file !== '' && ms >= leastSeconds * 1000)
        .toSorted(([, a], [, b]) => b - a)
        .slice(0, shown)
        .map(([file, ms]) => `${file} ${Math.round(ms / 1000)} s`)
        .join(', ');
    },
  };
}
