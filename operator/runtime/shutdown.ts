// SIGTERM and SIGINT become one AbortSignal; the second one ends the process at once.
interface SignalSource {
  on(name: 'SIGTERM' | 'SIGINT', listener: () => void): unknown;
}

export function shutdownSignal(source: SignalSource, endNow: () => void): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    source.on(name, () => {
      if (controller.signal.aborted) endNow();
      controller.abort(new Error(`${name} was received`));
    });
  }
  return controller.signal;
}
