/**
 * Runs an entry point of setup: Ctrl-C stops it; an error becomes a sentence, a hint and an exit
 * code.
 */
import {
  type AnnealError,
  TerminalError,
  toAnnealError,
  UserError,
} from '../../crds/failures/errors.ts';
import { failureOf } from '../../crds/failures/table.ts';
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
  const error = explain(thrown);
  process.stderr.write(`${error.message}\nhint: ${error.hint}\n`);
  if (error.code === 'E_INTERNAL') process.stderr.write(`${error.stack}\n`);
  return failureOf(error.code).cliExit;
}

/** Converts errors of the file system and of arguments, where they leave setup. */
export function explain(thrown: unknown): AnnealError {
  if (!(thrown instanceof Error) || !('code' in thrown)) return toAnnealError(thrown);
  if (String(thrown.code).startsWith('ERR_PARSE_ARGS_')) {
    const hint = 'CONTRIBUTING.md has the commands, and docs/figures.md those of benchmarks';
    return new UserError({ code: 'E_USAGE', message: thrown.message, hint });
  }
  if (!('path' in thrown)) return toAnnealError(thrown);
  const hint = 'set ANNEAL_CACHE to a folder that you may write, with 3 GB free';
  switch (thrown.code) {
    case 'ENOSPC':
    case 'EDQUOT': {
      const message = `the disk is full; ${thrown.path} could not be written`;
      return new TerminalError({ code: 'E_NO_SPACE', message, hint, cause: thrown });
    }
    case 'EACCES':
    case 'EPERM':
    case 'EROFS': {
      const message = `${thrown.path} is not writable by this user`;
      return new TerminalError({ code: 'E_SETUP', message, hint, cause: thrown });
    }
    case 'ENOTDIR':
    case 'EEXIST': {
      const message = `${thrown.path} is a file; it must be a folder`;
      return new TerminalError({ code: 'E_SETUP', message, hint, cause: thrown });
    }
    default:
      return toAnnealError(thrown);
  }
}
