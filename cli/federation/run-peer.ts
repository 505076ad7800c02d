// A client of a federation whose hub is elsewhere: it waits for a round, trains it, sends what it
// trained, and waits for the next, until the hub says that there is none. A round that ends before
// this client does is given up: nothing of it would be used.
import { type FineTuneJobSpec, toAnnealError, UserError } from '../../crds/index.ts';
import { pause } from '../../crds/wire/connection.ts';
import { recordName, roundSubmit } from '../../crds/wire/federation.ts';
import type { ClientTurn, FederationOffer, HubRecord } from '../../crds/wire/federation-bus.ts';
import type { LocalOutcome } from '../client/local-run.ts';
import { readWhole } from '../client/whole-json.ts';
import { takeTurn } from './client-turn.ts';
import { lost, type OpenRound, type PeerBus, pollMs } from './peer-bus.ts';
import { accepted } from './peer-consent.ts';
import { enterRound, type StoredPeer } from './peer-store.ts';
import { type FederationContext, type RunPlace, reasonOf, type WorkerView } from './processes.ts';
import { recordsOf } from './run-hub.ts';

/** While it trains; between rounds it looks more often. */
const watchMs = 2_000;

/** What a client says and hears, and one attempt of a round. */
export interface PeerLine extends Pick<PeerBus, 'hub' | 'turn'> {
  attempt(...asked: Parameters<PeerBus['attempt']>): Attempt;
}

type Attempt = Pick<
  ReturnType<PeerBus['attempt']>,
  'epoch' | 'claim' | 'fetch' | 'submit' | 'decline'
>;

/** How its turn in a round stands, for whoever follows more than lines. */
export interface ToldTurn {
  readonly round: number;
  readonly rounds: number;
  readonly state: 'Begun' | 'Submitted' | 'Declined';
  /** Under differential privacy: what its records have spent so far. */
  readonly epsilon?: number | undefined;
  /** Why it declined. */
  readonly code?: string;
  readonly reason?: string;
}

export interface PeerView extends WorkerView {
  turn(told: ToldTurn): void;
}

interface PeerContext extends Omit<FederationContext, 'variables' | 'view'> {
  readonly view: PeerView;
  /** Where a job of the hub computes here; throws where it cannot. */
  readonly placeOf: (job: FineTuneJobSpec) => Promise<{
    readonly place: Omit<RunPlace, 'name' | 'namespace'>;
    readonly variables: FederationContext['variables'];
  }>;
}

export async function runPeer(
  stored: StoredPeer,
  context: PeerContext,
  bus: PeerLine,
): Promise<LocalOutcome> {
  const { stop, view } = context;
  let last: OpenRound | null = null;
  view.progress(stored.record.name, 'waits for a round');
  while (!stop.aborted) {
    const hub = await bus.hub();
    if (hub?.state === 'Complete') return { type: 'Complete' };
    const open = openOf(hub);
    if (hub !== null && open !== null && !isSettled(await bus.turn(), open, last)) {
      const ended = await takePart(stored, context, bus, { open, offer: hub.offer });
      if (ended.type !== 'Complete') return ended;
      last = open;
    }
    await pause(pollMs, stop);
  }
  return { type: 'Stopped' };
}

/** What this process has declined it declines again; one that is started anew tries again. */
function isSettled(turn: ClientTurn | null, open: OpenRound, last: OpenRound | null): boolean {
  if (!isOf(turn, open)) return false;
  return turn.submitted !== undefined || (turn.declined !== undefined && isSame(last, open));
}

function openOf(hub: HubRecord | null): OpenRound | null {
  if (hub?.round === undefined || hub.state === 'Complete') return null;
  return { run: hub.run, round: hub.round };
}

function isSame(one: OpenRound | null, other: OpenRound | null): boolean {
  return one?.run === other?.run && one?.round.round === other?.round.round;
}

function isOf(turn: ClientTurn | null, { run, round }: OpenRound): turn is ClientTurn {
  return turn?.run === run && turn.round === round.round;
}

interface Asked {
  readonly open: OpenRound;
  readonly offer: FederationOffer;
}

/** Complete also where the round goes on without this client: it waits for the next then. */
async function takePart(
  stored: StoredPeer,
  context: PeerContext,
  bus: PeerLine,
  { open, offer }: Asked,
): Promise<LocalOutcome> {
  const { record, folder } = stored;
  await enterRound(stored, open.run, open.round);
  const { round } = open.round;
  const tell = (told: Omit<ToldTurn, 'round' | 'rounds'>): void =>
    context.view.turn({ round, rounds: offer.rounds, ...told });
  context.view.progress(record.name, `round ${round} of ${offer.rounds}`);
  tell({ state: 'Begun' });
  const over = new AbortController();
  const attempt = bus.attempt(open, record.name, folder, over.signal);
  const agreed = await agree(stored, context, attempt, offer);
  const kill = AbortSignal.any([context.kill, over.signal]);
  const turn = { root: folder, round: open.round, ...agreed };
  const processes = { ...context, variables: agreed.variables, kill };
  const watching = watch(bus, { open, attempt, over, stop: context.stop });
  const [taken, watched] = await Promise.allSettled([
    takeTurn(turn, processes, attempt).finally(() => over.abort()),
    watching,
  ]);
  if (watched.status === 'rejected') throw watched.reason;
  const seen = watched.value;
  const ended = outcomeOf(taken, seen !== null);
  if (ended.type === 'Complete') {
    context.view.progress(record.name, `round ${round} submitted`);
    tell({ state: 'Submitted', epsilon: await spentBy(stored, round) });
    return ended;
  }
  if (seen === 'Lost') throw lost(record.name, round);
  if (seen === 'Over') {
    context.view.warn(`round ${round} ended without ${record.name}`);
    return { type: 'Complete' };
  }
  if (ended.type === 'Stopped') return ended;
  const reason = reasonOf(ended.error, offer.privacy !== undefined);
  await attempt.decline(reason);
  tell({ state: 'Declined', code: ended.error.code, reason });
  // The base, and how much the hub sends, are the same in all rounds.
  if (['E_DIGEST_MISMATCH', 'E_INVALID_SPEC'].includes(ended.error.code)) return ended;
  context.view.warn(`round ${round} goes on without ${record.name}: ${ended.error.message}`);
  return { type: 'Complete' };
}

async function spentBy({ folder, record }: StoredPeer, round: number): Promise<number | undefined> {
  const file = `${recordName.submit(round, record.name)}.json`;
  return (await readWhole(recordsOf(folder), file, roundSubmit))?.privacy?.epsilon;
}

/** What is too large for the bus is a failure of the turn; what is thrown otherwise ends all. */
function outcomeOf(taken: PromiseSettledResult<LocalOutcome>, isOver: boolean): LocalOutcome {
  if (taken.status === 'fulfilled') return taken.value;
  if (isOver) return { type: 'Stopped' };
  const { reason } = taken;
  if (!(reason instanceof UserError) || reason.code !== 'E_INVALID_SPEC') throw reason;
  return { type: 'Failed', error: reason };
}

/** The hub is told why where this client does not take part; nothing would change that. */
async function agree(
  { record }: StoredPeer,
  context: PeerContext,
  attempt: Attempt,
  offer: FederationOffer,
) {
  try {
    const { spec, client } = accepted(offer, record);
    const { place, variables } = await context.placeOf(spec.template);
    const { name, namespace } = record;
    return { spec, client, variables, place: { ...place, name, namespace } };
  } catch (error) {
    await attempt.claim();
    await attempt.decline(toAnnealError(error).message);
    throw error;
  }
}

interface Watched {
  readonly open: OpenRound;
  readonly attempt: Attempt;
  /** Aborted by either side: the turn has ended, or the round is over. */
  readonly over: AbortController;
  readonly stop: AbortSignal;
}

async function watch(
  bus: PeerLine,
  { open, attempt, over, stop }: Watched,
): Promise<'Over' | 'Lost' | null> {
  const ended = AbortSignal.any([over.signal, stop]);
  for (;;) {
    await pause(watchMs, ended);
    if (ended.aborted) return null;
    const [hub, turn] = await Promise.all([bus.hub(), bus.turn()]).catch((error: unknown) => {
      if (ended.aborted) return [null, null];
      throw error;
    });
    if (ended.aborted) return null;
    const isLost = isOf(turn, open) && attempt.epoch > 0 && turn.epoch > attempt.epoch;
    if (!isLost && (hub === null || isSame(openOf(hub), open))) continue;
    over.abort();
    return isLost ? 'Lost' : 'Over';
  }
}
