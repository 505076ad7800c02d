// The coordinator of a federation: rounds one after the other, with processes of its own on a
// folder. Whatever is killed, the same command goes on: what has a record is done, and a run
// resumes from its checkpoint, so the end has the bits of an undisturbed federation.
import { join } from 'node:path';
import {
  federationFiles,
  type RoundResult,
  type RoundSpec,
  recordName,
  roundResult,
} from '../../crds/wire/federation.ts';
import { runFiles } from '../../crds/wire/run-folder.ts';
import type { LocalOutcome } from '../client/local-run.ts';
import { readWhole, writeJson } from '../client/whole-json.ts';
import type { Cohort } from './exchange.ts';
import { type FederationContext, type FederationView, recordFor, surely } from './processes.ts';
import type { StoredFederation } from './store.ts';

interface HubContext extends FederationContext {
  readonly view: FederationView;
}

export async function runHub(
  stored: StoredFederation,
  context: HubContext,
  cohort: Cohort,
): Promise<LocalOutcome> {
  const { template, rounds } = stored.record.spec;
  const hub = join(stored.folder, federationFiles.hub);
  const record = recordFor(stored.record, template, stored.record.digest, {
    ...{ root: stored.folder, round: 0, epoch: 1, begins: { merged: [] } },
  });
  await writeJson(hub, runFiles.run, record);
  for (const role of ['prepare', 'begin']) {
    if ((await resultOf(stored, 0)) !== null) break;
    const ended = await ownRole(stored, context, role);
    if (ended.type !== 'Complete') return ended;
  }
  let before = await resultOf(stored, 0);
  for (let round = 1; before !== null && round <= rounds; round += 1) {
    context.view.round(before);
    const ended = await runRound(stored, context, cohort, { before, round });
    if (ended.type !== 'Complete') return ended;
    before = await resultOf(stored, round);
  }
  if (before !== null) context.view.round(before);
  const ended = await ownRole(stored, context, 'conclude');
  if (ended.type === 'Complete') await cohort.end();
  return ended;
}

async function runRound(
  stored: StoredFederation,
  context: HubContext,
  cohort: Cohort,
  { before, round }: { readonly before: RoundResult; readonly round: number },
): Promise<LocalOutcome> {
  if ((await resultOf(stored, round)) !== null) return { type: 'Complete' };
  const spec: RoundSpec = {
    ...{ round, base: before.base, state: before.state, begins: before.ends },
    clients: stored.record.spec.clients.map(({ name }) => name),
  };
  const records = recordsOf(stored.folder);
  await writeJson(records, `${recordName.spec(round)}.json`, spec);
  const trained = await cohort.train(spec);
  if (trained.type !== 'Trained') return trained;
  const { reasons } = trained;
  await writeJson(records, `${recordName.absent(round)}.json`, { round, reasons });
  return await ownRole(stored, context, 'aggregate');
}

function ownRole(
  { folder, record }: StoredFederation,
  context: HubContext,
  role: string,
): Promise<LocalOutcome> {
  const { maxRestarts } = record.spec.template.failurePolicy;
  const hub = join(folder, federationFiles.hub);
  return surely(context, { who: 'hub', role, folder: hub, maxRestarts, isSecret: false });
}

export function recordsOf(root: string): string {
  return join(root, federationFiles.records);
}

function resultOf({ folder }: StoredFederation, round: number): Promise<RoundResult | null> {
  return readWhole(recordsOf(folder), `${recordName.result(round)}.json`, roundResult);
}
