// At most `limit` tasks at once, first come first served.
export type Gate = <T>(task: () => Promise<T>) => Promise<T>;

export function gate(limit: number): Gate {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (task) => {
    if (running < limit) running += 1;
    else await new Promise<void>((enter) => waiting.push(enter));
    try {
      return await task();
    } finally {
      // The slot passes to the next in line, so that no newcomer gets ahead.
      const next = waiting.shift();
      if (next) next();
      else running -= 1;
    }
  };
}

/**
 * All results in order, with tasks started through the gate. The first failure aborts the signal of
 * the others, and is thrown after all have ended.
 */
export async function gatherThrough<In, Out>(
  inputs: readonly In[],
  through: Gate,
  task: (input: In, signal: AbortSignal) => Promise<Out>,
  signal: AbortSignal,
): Promise<Out[]> {
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  const settled = await Promise.allSettled(
    inputs.map((input) =>
      through(async () => {
        try {
          both.throwIfAborted();
          return await task(input, both);
        } catch (error) {
          stop.abort(error);
          throw error;
        }
      }),
    ),
  );
  signal.throwIfAborted();
  if (stop.signal.aborted) throw stop.signal.reason;
  return settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
}
