// State of a federation, a pool or a server of adapters in one word with its mark, and in one line.
import type { BesideJob } from '../jobs/beside.ts';
import { type Party, partyPhase } from '../jobs/parties.ts';
import { packedOf, placesOf, poolState } from '../jobs/pool-state.ts';
import type { Pool } from '../jobs/pools.ts';
import { adaptersOf, replicasOf, serverState } from '../jobs/server-state.ts';
import type { Server } from '../jobs/servers.ts';
import { count } from '../terminal/numbers.ts';
import { type Style, styleOf } from '../terminal/palette.ts';
import { styleOfPool } from './pool-style.ts';
import { styleOfServer } from './server-style.ts';

interface BesideState {
  readonly state: string;
  readonly mark: Style;
}

export function besideState(one: BesideJob): BesideState {
  if (one.kind === 'AdapterServer') {
    const state = serverState(one);
    return { state, mark: styleOfServer(state) };
  }
  if (one.kind === 'TrainingPool') {
    const state = poolState(one);
    return { state, mark: styleOfPool(state) };
  }
  const state = partyPhase(one);
  return { state, mark: styleOf(state) };
}

/** What is known of it beside its state, each a few words. */
export function besideFacts(one: BesideJob): readonly string[] {
  if (one.kind === 'TrainingPool') return poolFacts(one);
  return one.kind === 'AdapterServer' ? serverFacts(one) : partyFacts(one);
}

function serverFacts(server: Server): readonly string[] {
  const adapters = adaptersOf(server);
  const { readyReplicas, adapters: served = [] } = server.status;
  const open = served.flatMap(({ load }) => load?.open ?? []);
  return [
    ...(adapters === undefined ? [] : [`${adapters.loaded}/${adapters.total} adapters`]),
    ...(readyReplicas === undefined ? [] : [`${readyReplicas}/${replicasOf(server) ?? '?'} pods`]),
    ...(open.length === 0 ? [] : [`${count(open.reduce((sum, each) => sum + each, 0))} open`]),
  ];
}

function poolFacts(pool: Pool): readonly string[] {
  const packed = packedOf(pool);
  if (packed === undefined) return [];
  const { training, waiting, failed, total } = packed;
  return [
    `${training}/${total} training`,
    `${placesOf(pool) ?? '?'} places`,
    ...(waiting === 0 ? [] : [`${waiting} waiting`]),
    ...(failed === 0 ? [] : [`${failed} failed`]),
  ];
}

function partyFacts({ status }: Party): readonly string[] {
  const { progress, clients, heldOutLoss, epsilon, message } = status;
  return [
    ...(progress === undefined ? [] : [`round ${progress}`]),
    ...(clients === undefined ? [] : [`${clients.summary} clients`]),
    ...(heldOutLoss === undefined ? [] : [`held-out loss ${heldOutLoss}`]),
    ...(epsilon === undefined ? [] : [`epsilon ${epsilon}`]),
    ...(message === undefined ? [] : [message]),
  ];
}
