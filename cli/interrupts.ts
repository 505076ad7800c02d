// Ctrl-C and SIGTERM for commands that look: they end at once, the job goes on, and the exit code says which it was.
import { failureOf } from '../crds/index.ts';

export interface Interrupts extends Disposable {
  readonly signal: AbortSignal;
  /** Exit code when the command was interrupted. */
  readonly code: () => number | undefined;
}

export function onInterrupt(): Interrupts {
  const controller = new AbortController();
  let code: number | undefined;
  const interrupted = (): void => {
    code ??= failureOf('E_INTERRUPTED').cliExit;
    controller.abort();
  };
  const terminated = (): void => {
    code ??= failureOf('E_TERMINATED').cliExit;
    controller.abort();
  };
  process.once('SIGINT', interrupted);
  process.once('SIGTERM', terminated);
  return {
    signal: controller.signal,
    code: () => code,
    [Symbol.dispose]() {
      process.off('SIGINT', interrupted);
      process.off('SIGTERM', terminated);
    },
  };
}
