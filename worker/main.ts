// A worker process: `main.ts ROLE RUN-FOLDER`. Roles run in sequence; each reads what the one
// before wrote into the run folder. Ends with an exit code of the failure table.
import { join } from 'node:path';
import { systemClock } from '../crds/clock.ts';
import { toAnnealError, UserError } from '../crds/failures/errors.ts';
import { failureOf } from '../crds/failures/table.ts';
import { runFiles } from '../crds/wire/run-folder.ts';
import { trainerOrder } from '../crds/wire/trainer-order.ts';
import { workerConfig } from './config.ts';
import type { RoleContext } from './role.ts';
import { type Emitter, emitter, emitterTo } from './telemetry/emit.ts';
import { lockWorker } from './worker-lock.ts';

/** Imported on demand: preparing data must not load libtorch, nor training a tokenizer. */
const roles = {
  describe: async () => (await import('./prepare/describe-role.ts')).describeRole,
  prepare: async () => (await import('./prepare/prepare-role.ts')).prepareRole,
  train: async () => (await import('./train/role.ts')).trainRole,
  publish: async () => (await import('./publish/publish.ts')).publishRole,
  begin: async () => (await import('./federate/begin.ts')).beginRole,
  reserve: async () => (await import('./federate/reserve.ts')).reserveRole,
  submit: async () => (await import('./federate/submit.ts')).submitRole,
  aggregate: async () => (await import('./federate/hub.ts')).aggregateRole,
  conclude: async () => (await import('./federate/conclude.ts')).concludeRole,
  serve: async () => (await import('./serve/role.ts')).serveRole,
} as const;

const [role = '', folder = ''] = process.argv.slice(2);
const config = workerConfig(process.env);
const { rank } = config.member ?? { rank: 0 };
using messages =
  rank === 0
    ? emitter(join(folder, runFiles.telemetry), process, systemClock)
    : emitterTo(process, systemClock);
process.exitCode = await perform(messages);
if (process.connected) process.disconnect();

async function perform(messages: Emitter): Promise<number> {
  const stop = new AbortController();
  let saveWanted = false;
  let counted: number | undefined;
  // The parent sends "stop" so that the run saves first; a terminal's Ctrl-C is handled by the
  // parent only.
  process.on('message', (message) => {
    const { data: order } = trainerOrder.safeParse(message);
    if (order === 'stop') stop.abort();
    else if (order === 'save') saveWanted = true;
    else if (order !== undefined) counted = order.counts;
  });
  process.on('SIGTERM', () => stop.abort());
  // A killed parent cannot send anything, and nobody waits for the result.
  process.on('disconnect', () => stop.abort());
  process.on('SIGINT', () => {});
  try {
    const context: RoleContext = {
      folder,
      config,
      clock: systemClock,
      emit: (message) => messages.emit(message),
      stop: stop.signal,
      stopToo: () => stop.abort(),
      takeSave() {
        const wanted = saveWanted;
        saveWanted = false;
        return wanted;
      },
      countedStep: () => counted,
      hear: (listen) => void process.on('message', listen),
      // Without a callback, a parent that was just killed would end this process too.
      say: (message) =>
        void (process.connected && process.send?.(message, undefined, {}, () => {})),
    };
    const load = Object.entries(roles).find(([name]) => name === role)?.[1];
    if (load === undefined) {
      const message = `the role is "${role}"; it must be one of ${Object.keys(roles).join(', ')}`;
      throw new UserError({ code: 'E_USAGE', message });
    }
    using _lock = await lockWorker(
      folder,
      systemClock,
      () => sayWaiting(messages),
      stop.signal,
      rank,
    );
    await (await load())(context);
    return 0;
  } catch (thrown) {
    if (stop.signal.aborted && isAbort(thrown)) return 75;
    const error = toAnnealError(thrown);
    const { reason, workerExit } = failureOf(error.code);
    const { code, message, hint } = error;
    messages.emit({ type: 'failure', code, reason, message, hint });
    if (error.code === 'E_INTERNAL')
      process.stderr.write(`${(error.cause as Error)?.stack ?? error.stack}\n`);
    return workerExit;
  }
}

function sayWaiting(messages: Emitter): void {
  const message = `a worker that was started earlier still runs in ${folder}; this one waits until it has saved and ended`;
  messages.emit({ type: 'warning', reason: 'Waiting', message });
}

/** The reason of the stop itself, or Node.js's wrapper of it. */
function isAbort(thrown: unknown): boolean {
  return thrown instanceof Error && thrown.name === 'AbortError';
}
