// How many lines of a log go to the bus: a burst, then so many a second. The rest is counted, and
// the next line that passes says how many were left out. Errors have a bucket of their own: a flood
// of chatter must not hide them.
interface LogLimit {
  /** Undefined where the line is left out; else how many were left out before it. */
  admit(isError: boolean, nowMs: number): number | undefined;
}

const perSecond = 20;
const burst = 200;

export function logLimit(nowMs: number): LogLimit {
  const chatter = bucket(nowMs);
  const errors = bucket(nowMs);
  let leftOut = 0;
  return {
    admit(isError, now) {
      if (!(isError ? errors : chatter)(now)) {
        leftOut += 1;
        return undefined;
      }
      const before = leftOut;
      leftOut = 0;
      return before;
    },
  };
}

/** Takes one where one is left. */
function bucket(startMs: number): (nowMs: number) => boolean {
  let tokens = burst;
  let at = startMs;
  return (nowMs) => {
    tokens = Math.min(burst, tokens + (Math.max(0, nowMs - at) / 1000) * perSecond);
    at = Math.max(at, nowMs);
    if (tokens < 1) return false;
    tokens -= 1;
    return true;
  };
}
