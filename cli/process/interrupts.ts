// Ctrl-C and SIGTERM for commands that look: they end at once, the job goes on, and the exit code
// says which it was.
import { failureOf } from '../../crds/index.ts';

export interface Interrupts extends Disposable {
  readonly signal: AbortSignal;
  /** Exit code when the command was interrupted. */
  readonly code: () => number | undefined;
}

export function onInterrupt(): Interrupts {
  const controller = new AbortController();
  let code: number | undefined;
  const end = (by: 'E_INTERRUPTED' | 'E_TERMINATED'): void => {
    // Whatever hangs: the second time ends it.
    if (code !== undefined) process.exit(code);
    code = failureOf(by).cliExit;
    controller.abort();
  };
  const interrupted = (): void => end('E_INTERRUPTED');
  const terminated = (): void => end('E_TERMINATED');
  // Not `once`: a listener that is gone by the time the screen looks lets the screen end the
  // process by the signal.
  process.on('SIGINT', interrupted);
  process.on('SIGTERM', terminated);
  return {
    signal: controller.signal,
    code: () => code,
    [Symbol.dispose]() {
      process.off('SIGINT', interrupted);
      process.off('SIGTERM', terminated);
    },
  };
}
