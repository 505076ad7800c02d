// One turn of a client: it claims the round, trains, and submits. Where it was killed, the next
// turn goes on from its last checkpoint.
import { join } from 'node:path';
import type { FederationClient, FederationSpec } from '../../crds/api/federation.ts';
import { digestOf, TerminalError } from '../../crds/index.ts';
import { federationFiles, type RoundSpec } from '../../crds/wire/federation.ts';
import { preparedRecord, type RunRecord, runFiles } from '../../crds/wire/run-folder.ts';
import type { LocalOutcome } from '../client/local-run.ts';
import { readWhole, writeJson } from '../client/whole-json.ts';
import { clientJob, privacyOf } from './client-job.ts';
import type { Hub } from './exchange.ts';
import { type FederationContext, type RunPlace, recordFor, surely } from './processes.ts';

interface ClientTurn {
  /** Folder of records and objects, and of the runs of the client. */
  readonly root: string;
  readonly place: RunPlace;
  readonly spec: FederationSpec;
  readonly client: FederationClient;
  readonly round: RoundSpec;
}

export async function takeTurn(
  turn: ClientTurn,
  context: FederationContext,
  hub: Hub,
): Promise<LocalOutcome> {
  const { spec, client, round } = turn;
  const epoch = await hub.claim();
  await hub.fetch();
  const { folder, record } = recordOf(turn, epoch);
  await writeJson(folder, runFiles.run, record);
  const isSecret = spec.privacy !== undefined;
  const { maxRestarts } = spec.template.failurePolicy;
  for (const role of ['prepare', ...(isSecret ? ['reserve'] : []), 'train', 'submit']) {
    const who = client.name;
    const ended = await surely(context, { who, role, folder, maxRestarts, isSecret });
    if (ended.type !== 'Complete') return ended;
    if (role === 'prepare') {
      const other = await otherBase(folder, round);
      if (other !== null) return other;
    }
  }
  await hub.submit();
  return { type: 'Complete' };
}

function recordOf({ root, place, spec, client, round }: ClientTurn, epoch: number) {
  const folder = clientFolder(root, client.name, round.round);
  const job = clientJob(spec, client, round.round, join(folder, 'result'));
  const { model, dataset, method, training } = job;
  const own = privacyOf(spec, client);
  const { state, begins } = round;
  const digest = digestOf({ model, dataset, method, training, state, privacy: own.privacy });
  const record: RunRecord = recordFor(place, job, digest, {
    ...{ root, round: round.round, epoch, client: client.name, begins, state, ...own },
  });
  return { folder, record };
}

/** Nothing is trained beside another model than the hub's. */
async function otherBase(
  folder: string,
  { base }: RoundSpec,
): Promise<Extract<LocalOutcome, { type: 'Failed' }> | null> {
  const prepared = await readWhole(folder, runFiles.prepared, preparedRecord);
  if (prepared === null || prepared.model.digest === base) return null;
  const error = new TerminalError({
    code: 'E_DIGEST_MISMATCH',
    message: `its base ${prepared.model.name} has the digest ${prepared.model.digest}; that of the federation is ${base}`,
    hint: 'take the same files as the hub, tokenizer and template included',
  });
  return { type: 'Failed', error };
}

export function clientFolder(root: string, name: string, round: number): string {
  return join(root, federationFiles.clients, name, `round-${round}`);
}
