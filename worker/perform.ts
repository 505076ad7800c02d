// One role on one run folder, to its end: under the lock of the folder, with what goes wrong told
// as a message and turned into an exit code of the failure table.
import type { Clock } from '../crds/clock.ts';
import { toAnnealError } from '../crds/failures/errors.ts';
import { Exit, failureOf } from '../crds/failures/table.ts';
import type { Role, RoleContext } from './role.ts';
import { lockWorker } from './worker-lock.ts';

/** Returns the exit code. `report` gets the stack of what should not have happened. */
export async function perform(
  load: () => Promise<Role>,
  context: RoleContext,
  report: (stack: string) => void,
): Promise<number> {
  const { folder, clock, stop, emit, config } = context;
  try {
    using _lock = await lock(folder, clock, context, config.member?.rank);
    await (await load())(context);
    return 0;
  } catch (thrown) {
    if (stop.aborted && isAbort(thrown)) return Exit.PlannedStop;
    const error = toAnnealError(thrown);
    const { reason, workerExit } = failureOf(error.code);
    const { code, message, hint } = error;
    emit({ type: 'failure', code, reason, message, hint });
    if (error.code === 'E_INTERNAL') report((error.cause as Error)?.stack ?? error.stack ?? '');
    return workerExit;
  }
}

function lock(
  folder: string,
  clock: Clock,
  { emit, stop }: Pick<RoleContext, 'emit' | 'stop'>,
  rank = 0,
): Promise<Disposable> {
  const message = `a worker that was started earlier still runs in ${folder}; this one waits until it has saved and ended`;
  const say = () => emit({ type: 'warning', reason: 'Waiting', message });
  return lockWorker(folder, clock, say, stop, rank);
}

/** The reason of the stop itself, or Node.js's wrapper of it. */
function isAbort(thrown: unknown): boolean {
  return thrown instanceof Error && thrown.name === 'AbortError';
}
