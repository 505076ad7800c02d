// Ctrl-C and SIGTERM for commands that only show: they end at once, the job continues, and the exit
// code names the signal.
import { failureOf } from '../../crds/index.ts';

export interface Interrupts extends Disposable {
  readonly signal: AbortSignal;
  /** Exit code if the command was interrupted. */
  readonly code: () => number | undefined;
}

export function onInterrupt(): Interrupts {
  const controller = new AbortController();
  let code: number | undefined;
  const end = (by: 'E_INTERRUPTED' | 'E_TERMINATED'): void => {
    // A hanging command ends by the second signal.
    if (code !== undefined) process.exit(code);
    code = failureOf(by).cliExit;
    controller.abort();
  };
  const interrupted = (): void => end('E_INTERRUPTED');
  const terminated = (): void => end('E_TERMINATED');
  // Not `once`: if no listener were left when the screen closes, the signal would kill the process.
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
