// A worker process: `main.ts ROLE RUN-FOLDER`, `main.ts pack RUN-FOLDER…` for runs that train
// together, or `main.ts pool RUNS` for runs that come and go. Roles run in sequence; each reads
// what the one before wrote into the run folder. Ends with an exit code of the failure table.
import { once } from 'node:events';
import { join } from 'node:path';
import { systemClock } from '../crds/clock.ts';
import { UserError } from '../crds/failures/errors.ts';
import { Exit } from '../crds/failures/table.ts';
import { poolOrder } from '../crds/wire/packed.ts';
import { runFiles } from '../crds/wire/run-folder.ts';
import { trainerOrder } from '../crds/wire/trainer-order.ts';
import { workerConfig } from './config.ts';
import { perform } from './perform.ts';
import type { Role, RoleContext } from './role.ts';
import { emitter, emitterTo } from './telemetry/emit.ts';

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
  kit: async () => (await import('./transfer/kit-role.ts')).kitRole,
  synthesize: async () => (await import('./transfer/synthesize-role.ts')).synthesizeRole,
  compare: async () => (await import('./transfer/compare-role.ts')).compareRole,
  collect: async () => (await import('./generate/collect.ts')).collectRole,
  fit: async () => (await import('./generate/fit-role.ts')).fitRole,
  generate: async () => (await import('./generate/materialise.ts')).generateRole,
  serve: async () => (await import('./serve/role.ts')).serveRole,
  'plan-server': async () => (await import('./serve/plan-role.ts')).planServerRole,
  sample: async () => (await import('./sample/role.ts')).sampleRole,
  handover: async () => (await import('./serve/handover/role.ts')).handoverRole,
} as const;

const [role = '', folder = '', ...others] = process.argv.slice(2);
const config = workerConfig(process.env);
const stop = new AbortController();
// The parent sends "stop" so that the run saves first; a terminal's Ctrl-C is handled by the parent
// only.
process.on('SIGTERM', () => stop.abort());
// A killed parent cannot send anything, and nobody waits for the result.
process.on('disconnect', () => stop.abort());
process.on('SIGINT', () => {});
process.exitCode = await performRole();
if (process.connected) process.disconnect();

function performRole(): Promise<number> {
  if (role === 'pack') return performPacked();
  return role === 'pool' ? performPool(Number(folder)) : performAlone();
}

async function performAlone(): Promise<number> {
  let saveWanted = false;
  let counted: number | undefined;
  process.on('message', (message) => {
    const { data: order } = trainerOrder.safeParse(message);
    if (order === 'stop') stop.abort();
    else if (order === 'save') saveWanted = true;
    else if (order !== undefined) counted = order.counts;
  });
  const { rank } = config.member ?? { rank: 0 };
  using messages =
    rank === 0
      ? emitter(join(folder, runFiles.telemetry), process, systemClock)
      : emitterTo(process, systemClock);
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
    say,
  };
  return await perform(roleNamed, context, onStderr);
}

/** What goes wrong with one run is told by that run; the others train on. */
async function performPacked(): Promise<number> {
  process.on('message', (message) => {
    if (trainerOrder.safeParse(message).data === 'stop') stop.abort();
  });
  const { trainPacked } = await import('./train/pack.ts');
  const folders = [folder, ...others];
  await trainPacked(folders, { ...common(), say, onStderr });
  return 0;
}

/** Runs come and go by orders, at most so many at one time, until it is stopped. */
async function performPool(expected: number): Promise<number> {
  const { Pack } = await import('./train/pack.ts');
  const pack = new Pack({ ...common(), expected, waits: true, say, onStderr });
  const training = new Set<Promise<void>>();
  process.on('message', (message) => {
    const { data: order } = poolOrder.safeParse(message);
    if (order === undefined) return;
    if (order === 'stop') return stop.abort();
    if ('detach' in order) return pack.detach(order.detach);
    if (stop.signal.aborted) return;
    const run = pack.train(order.attach, order.run).finally(() => training.delete(run));
    training.add(run);
  });
  if (!stop.signal.aborted) await once(stop.signal, 'abort');
  await Promise.all(training);
  return Exit.PlannedStop;
}

function common() {
  return { config, clock: systemClock, stop: stop.signal };
}

async function roleNamed(): Promise<Role> {
  const load = Object.entries(roles).find(([name]) => name === role)?.[1];
  if (load !== undefined) return load();
  const message = `the role is "${role}"; it must be one of ${Object.keys(roles).join(', ')}, pack, pool`;
  throw new UserError({ code: 'E_USAGE', message });
}

// Without a callback, a parent that was just killed would end this process too.
function say(message: object): void {
  if (process.connected) process.send?.(message, undefined, {}, () => {});
}

function onStderr(stack: string): void {
  process.stderr.write(`${stack}\n`);
}
