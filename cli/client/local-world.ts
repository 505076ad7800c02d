// Several trainers of one run on this machine. They rendezvous, shard the model, and end together.
// If one is lost, all are ended and start again from the newest checkpoint, as often as the policy
// of the job allows. The lost steps are repeated, so the result is that of an undisturbed run.
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { failureOf, TerminalError } from '../../crds/index.ts';
import { countRestart, overdrawn, restartPauseSeconds } from '../../crds/plan/restart-account.ts';
import type { DeviceName } from '../../crds/wire/device.ts';
import { type MemberRecord, memberVariable } from '../../crds/wire/member.ts';
import { restartsRecord } from '../../crds/wire/state.ts';
import type { Telemetry } from '../../crds/wire/telemetry.ts';
import { now } from '../process/clock.ts';
import { freePort } from './free-port.ts';
import { type RoleEnd, type StartedRole, startRole } from './local-role.ts';
import type { LocalOutcome, LocalRun } from './local-run.ts';

type World = NonNullable<LocalRun['world']>;
type Failed = Extract<RoleEnd, { type: 'Failed' }>;

const host = '127.0.0.1';
/** After one trainer ends, the others would wait for it forever; this is their time to end. */
const graceMs = 10_000;

export async function runWorld(run: LocalRun, world: World): Promise<LocalOutcome> {
  const { size, policy } = world;
  let account = restartsRecord.parse({});
  let committed = -1;
  let cause: string | undefined;
  const see = (message: Telemetry): void => {
    if (message.type === 'checkpoint' && message.step > committed) {
      committed = message.step;
      account = { ...account, sinceCommit: 0, repeats: 0 };
    }
    run.onMessage(message);
  };
  for (let round = 1; ; round += 1) {
    const { rank, end } = await oneRound(run, await memberOf(world, round, cause), see);
    if (run.kill.aborted) return { type: 'Stopped' };
    if (end.type !== 'Failed') return end;
    const { code, message } = end.error;
    if (failureOf(code).retry !== 'Counted' || run.stop.aborted) {
      return { type: 'Failed', error: end.error };
    }
    account = countRestart(account, failureOf(code).reason, now().getTime(), policy);
    const why = overdrawn(account, policy, `worker ${rank}: ${message}`);
    if (why !== undefined) return { type: 'Failed', error: new TerminalError(why) };
    const from = committed < 0 ? 'the beginning' : `step ${committed}`;
    cause = `worker ${rank} of ${size} ${whatHappened(end)}; all restarted from ${from} (restart ${account.counted}; ${policy.maxRestarts} are allowed)`;
    await wait(1000 * restartPauseSeconds(account), undefined, { signal: run.stop }).catch(() => {
      // Stopped while waiting.
    });
    if (run.stop.aborted) return { type: 'Stopped' };
  }
}

/** A process ended by a signal has no failure message. */
function whatHappened({ how, error }: Failed): string {
  return how.startsWith('by ') ? `was ended ${how}` : `ended: ${error.message}`;
}

/** What all ranks are told, and their devices by rank. */
interface Member {
  readonly common: Omit<MemberRecord, 'rank' | 'device'>;
  readonly devices: readonly DeviceName[];
}

async function memberOf(
  { size, policy: { hangTimeoutSeconds }, devices = [] }: World,
  round: number,
  cause: string | undefined,
): Promise<Member> {
  const common = {
    ...{ group: randomUUID(), round, size, address: host, neighbours: size },
    store: { host, port: await freePort(host) },
    timeoutMs: hangTimeoutSeconds * 1000,
    ...(cause === undefined ? {} : { cause }),
  };
  return { common, devices };
}

interface RoundEnd {
  /** The rank whose end is decisive. */
  readonly rank: number;
  readonly end: RoleEnd;
}

/** Runs all trainers to their end. */
async function oneRound(
  run: LocalRun,
  { common, devices }: Member,
  onMessage: (message: Telemetry) => void,
): Promise<RoundEnd> {
  const { worker, folder, variables = {}, stop, kill } = run;
  const trainers = Array.from({ length: common.size }, (_, rank) =>
    startRole({
      ...{ worker, role: 'train', folder },
      variables: {
        ...variables,
        [memberVariable]: JSON.stringify({ ...common, rank, device: devices[rank] }),
      },
      // Rank 0 reports for all; of the others only the end counts.
      onMessage: rank === 0 ? onMessage : () => {},
    }),
  );
  const stopAll = (): void => each(trainers, (one) => one.stop());
  const killAll = (): void => each(trainers, (one) => one.kill());
  if (stop.aborted) stopAll();
  stop.addEventListener('abort', stopAll, { once: true });
  kill.addEventListener('abort', killAll, { once: true });
  const ends = await endsOf(trainers, killAll);
  stop.removeEventListener('abort', stopAll);
  kill.removeEventListener('abort', killAll);
  return meaningOf(ends);
}

/** In the order of their ends. After the first failure the others get a grace period, or none. */
async function endsOf(
  trainers: readonly StartedRole[],
  killAll: () => void,
): Promise<readonly RoundEnd[]> {
  const ends: RoundEnd[] = [];
  let grace: NodeJS.Timeout | undefined;
  let isOver = false;
  const end = (): void => {
    isOver = true;
    killAll();
  };
  const see = (rank: number, ended: RoleEnd): void => {
    // Killed from here: a consequence, not a cause.
    if (isOver && ended.type === 'Failed' && ended.how === 'by SIGKILL') return;
    ends.push({ rank, end: ended });
    if (ended.type !== 'Failed' || grace !== undefined) return;
    const isLoss = failureOf(ended.error.code).retry === 'Counted';
    grace = setTimeout(end, isLoss ? 0 : graceMs);
  };
  await Promise.all(
    trainers.map(async ({ ended }, rank) => {
      see(rank, await ended);
    }),
  );
  clearTimeout(grace);
  return ends;
}

/** A failure that is not the loss of another rank, then any failure, then a stop. */
function meaningOf(ends: readonly RoundEnd[]): RoundEnd {
  const failed = ends.filter(
    (one): one is { rank: number; end: Failed } => one.end.type === 'Failed',
  );
  const [first] = failed.filter(({ end }) => end.error.code !== 'E_PEER_LOST');
  const [stopped] = ends.filter(({ end }) => end.type === 'Stopped');
  return first ?? failed[0] ?? stopped ?? ends[0] ?? { rank: 0, end: { type: 'Complete' } };
}

function each(trainers: readonly StartedRole[], act: (one: StartedRole) => void): void {
  for (const one of trainers) act(one);
}
