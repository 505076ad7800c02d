// Clients on this machine: each takes its turn, one after the other, on the folder of the hub. They
// tell each other what crds/wire/federation.ts lists and nothing else.
import { rm } from 'node:fs/promises';
import type { FederationClient } from '../../crds/api/federation.ts';
import { TerminalError } from '../../crds/index.ts';
import { type RoundSpec, recordName, roundClaim, roundSubmit } from '../../crds/wire/federation.ts';
import type { LocalOutcome } from '../client/local-run.ts';
import { readWhole, writeJson } from '../client/whole-json.ts';
import { clientFolder, takeTurn } from './client-turn.ts';
import type { Cohort, TrainedRound } from './exchange.ts';
import { type FederationContext, reasonOf } from './processes.ts';
import { recordsOf } from './run-hub.ts';
import type { StoredFederation } from './store.ts';

export function localCohort(stored: StoredFederation, context: FederationContext): Cohort {
  return {
    train: (round) => trainInTurn(stored, context, round),
    end: () => removeRuns(stored, stored.record.spec.rounds),
  };
}

async function trainInTurn(
  stored: StoredFederation,
  context: FederationContext,
  round: RoundSpec,
): Promise<TrainedRound> {
  const { clients, privacy } = stored.record.spec;
  await removeRuns(stored, round.round - 1);
  const reasons: Record<string, string> = {};
  for (const client of clients) {
    const ended = await runClient(stored, context, round, client);
    if (ended.type === 'Stopped') return ended;
    if (ended.type !== 'Failed') continue;
    const reason = reasonOf(ended.error, privacy !== undefined);
    reasons[client.name] = reason;
    context.view.warn(`round ${round.round} goes on without ${client.name}: ${reason}`);
  }
  return { type: 'Trained', reasons };
}

/** What was trained in a round is in its submissions; its checkpoints are no longer needed. */
async function removeRuns({ folder, record }: StoredFederation, round: number): Promise<void> {
  for (const { name } of record.spec.clients) {
    await rm(clientFolder(folder, name, round), { recursive: true, force: true });
  }
}

async function runClient(
  stored: StoredFederation,
  context: FederationContext,
  round: RoundSpec,
  client: FederationClient,
): Promise<LocalOutcome> {
  const { folder: root, record } = stored;
  const records = recordsOf(root);
  const { name } = client;
  const submitted = `${recordName.submit(round.round, name)}.json`;
  if ((await readWhole(records, submitted, roundSubmit)) !== null) return { type: 'Complete' };
  const claimed = `${recordName.claim(round.round, name)}.json`;
  const { deadlineSeconds } = record.spec.quorum;
  const limit = withDeadline(context, deadlineSeconds);
  try {
    const turn = { root, place: record, spec: record.spec, client, round };
    const ended = await takeTurn(turn, limit.context, {
      async claim() {
        const epoch = ((await readWhole(records, claimed, roundClaim))?.epoch ?? 0) + 1;
        await writeJson(records, claimed, { round: round.round, client: name, epoch });
        return epoch;
      },
      // One folder is that of both.
      fetch: async () => {},
      submit: async () => {},
    });
    return limit.isOver() && ended.type !== 'Complete' ? late(deadlineSeconds ?? 0) : ended;
  } finally {
    limit.end();
  }
}

/** The context of a turn that ends at its deadline, where there is one. */
function withDeadline(context: FederationContext, seconds: number | undefined) {
  const over = new AbortController();
  const timer =
    seconds === undefined ? undefined : setTimeout(() => over.abort(), 1000 * seconds).unref();
  return {
    context: { ...context, kill: AbortSignal.any([context.kill, over.signal]) },
    isOver: () => over.signal.aborted,
    end: () => clearTimeout(timer),
  };
}

function late(seconds: number): LocalOutcome {
  const error = new TerminalError({
    code: 'E_TIMEOUT',
    message: `its turn took longer than spec.quorum.deadlineSeconds, ${seconds}`,
    hint: 'raise the deadline, or lower the steps of a round',
  });
  return { type: 'Failed', error };
}
