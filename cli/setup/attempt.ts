/** Runs an entry point of set-up: Ctrl-C stops it, an error becomes a sentence, a hint and an exit code. */
import { toAnnealError } from '../../crds/errors.ts';
import { failureOf } from '../../crds/failures.ts';
import { type Setup, thisSetup } from './setup.ts';

const interrupted = 130;

export async function attempt(body: (setup: Setup) => Promise<number>): Promise<void> {
  const controller = new AbortController();
  const stop = () => controller.abort();
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  try {
    process.exitCode = await body(thisSetup(controller.signal));
  } catch (thrown) {
    process.exitCode = controller.signal.aborted ? interrupted : tell(thrown);
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  }
}

function tell(thrown: unknown): number {
  const error = toAnnealError(thrown);
  process.stderr.write(`${error.message}\nhint: ${error.hint}\n`);
  if (error.code === 'E_INTERNAL') process.stderr.write(`${error.stack}\n`);
  return failureOf(error.code).cliExit;
}
