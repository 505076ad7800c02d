// A federation on this machine: the coordinator and each client are worker processes on folders of
// their own, one after the other, and tell each other what crds/wire/federation.ts lists and
// nothing else. Whatever is killed, the same command goes on: what has a record is done, and a run
// resumes from its checkpoint, so the end has the bits of an undisturbed federation.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { FederationClient } from '../../crds/api/federation.ts';
import { type AnnealError, digestOf, failureOf, TerminalError } from '../../crds/index.ts';
import {
  federationFiles,
  type RoundResult,
  type RoundSpec,
  recordName,
  roundClaim,
  roundResult,
  roundSubmit,
} from '../../crds/wire/federation.ts';
import { type RunRecord, runFiles } from '../../crds/wire/run-folder.ts';
import type { Telemetry } from '../../crds/wire/telemetry.ts';
import { type LocalOutcome, runRole } from '../client/local-run.ts';
import { readWhole, writeJson } from '../client/whole-json.ts';
import { clientJob, privacyOf } from './client-job.ts';
import type { StoredFederation } from './store.ts';

interface FederationContext {
  /** Main file of the worker process. */
  readonly worker: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly stop: AbortSignal;
  readonly kill: AbortSignal;
  readonly view: FederationView;
}

export interface FederationView {
  /** Of a process: who it is, and where it is. Losses of clients stay with them. */
  progress(who: string, words: string): void;
  round(result: RoundResult): void;
  warn(sentence: string): void;
}

export async function runFederation(
  stored: StoredFederation,
  context: FederationContext,
): Promise<LocalOutcome> {
  const hub = hubOf(stored);
  await writeJson(hub.folder, runFiles.run, hub.record);
  for (const role of ['prepare', 'begin']) {
    if ((await resultOf(stored, 0)) !== null) break;
    const ended = await surely(context, stored, { who: 'hub', role, folder: hub.folder });
    if (ended.type !== 'Complete') return ended;
  }
  let before = await resultOf(stored, 0);
  for (let round = 1; before !== null && round <= stored.record.spec.rounds; round += 1) {
    context.view.round(before);
    const ended = await runRound(stored, context, before, round);
    if (ended.type !== 'Complete') return ended;
    before = await resultOf(stored, round);
  }
  if (before !== null) context.view.round(before);
  return surely(context, stored, { who: 'hub', role: 'conclude', folder: hub.folder });
}

async function runRound(
  stored: StoredFederation,
  context: FederationContext,
  before: RoundResult,
  round: number,
): Promise<LocalOutcome> {
  if ((await resultOf(stored, round)) !== null) return { type: 'Complete' };
  const { clients } = stored.record.spec;
  const spec: RoundSpec = {
    ...{ round, base: before.base, state: before.state, begins: before.ends },
    clients: clients.map(({ name }) => name),
  };
  await writeJson(recordsOf(stored), `${recordName.spec(round)}.json`, spec);
  const reasons: Record<string, string> = {};
  for (const client of clients) {
    const ended = await runClient(stored, context, spec, client);
    if (ended.type === 'Stopped') return ended;
    if (ended.type !== 'Failed') continue;
    const reason = reasonOf(stored, ended.error);
    reasons[client.name] = reason;
    context.view.warn(`round ${round} goes on without ${client.name}: ${reason}`);
  }
  await writeJson(recordsOf(stored), `${recordName.absent(round)}.json`, { round, reasons });
  const { folder } = hubOf(stored);
  const ended = await surely(context, stored, { who: 'hub', role: 'aggregate', folder });
  if (ended.type !== 'Complete') return ended;
  // What a client trained in this round is in its submission; its checkpoints are no longer needed.
  for (const { name } of clients) {
    await rm(clientFolder(stored, name, round), { recursive: true, force: true });
  }
  return ended;
}

/** One turn of a client: it claims the round, trains, and submits. */
async function runClient(
  stored: StoredFederation,
  context: FederationContext,
  { round, begins, state }: RoundSpec,
  client: FederationClient,
): Promise<LocalOutcome> {
  const { name } = client;
  const records = recordsOf(stored);
  const submitted = `${recordName.submit(round, name)}.json`;
  if ((await readWhole(records, submitted, roundSubmit)) !== null) return { type: 'Complete' };
  const claimed = `${recordName.claim(round, name)}.json`;
  const epoch = ((await readWhole(records, claimed, roundClaim))?.epoch ?? 0) + 1;
  await writeJson(records, claimed, { round, client: name, epoch });
  const folder = clientFolder(stored, name, round);
  const spec = clientJob(stored.record.spec, client, round, join(folder, 'result'));
  const { model, dataset, method, training } = spec;
  const own = privacyOf(stored.record.spec, client);
  const { privacy } = own;
  const record: RunRecord = {
    ...recordFor(stored, spec, digestOf({ model, dataset, method, training, state, privacy })),
    federated: { root: stored.folder, round, epoch, client: name, begins, state, ...own },
  };
  await writeJson(folder, runFiles.run, record);
  const { deadlineSeconds } = stored.record.spec.quorum;
  const turn = withDeadline(context, deadlineSeconds);
  try {
    for (const role of [
      'prepare',
      ...(privacy === undefined ? [] : ['reserve']),
      'train',
      'submit',
    ]) {
      const ended = await surely(turn.context, stored, { who: name, role, folder });
      if (turn.isOver() && ended.type !== 'Complete') return late(deadlineSeconds ?? 0);
      if (ended.type !== 'Complete') return ended;
    }
    return { type: 'Complete' };
  } finally {
    turn.end();
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

interface Turn {
  readonly who: string;
  readonly role: string;
  readonly folder: string;
}

/** Starts a process that was lost again, as often as the template allows. */
async function surely(
  context: FederationContext,
  stored: StoredFederation,
  { who, role, folder }: Turn,
): Promise<LocalOutcome> {
  const { worker, variables, stop, kill, view } = context;
  const { template, privacy } = stored.record.spec;
  const { maxRestarts } = template.failurePolicy;
  const isSecret = privacy !== undefined && who !== 'hub';
  for (let restarts = 0; ; restarts += 1) {
    if (stop.aborted) return { type: 'Stopped' };
    const onMessage = (message: Telemetry): void => tell(view, who, message, isSecret);
    const running = runRole({ worker, folder, variables, onMessage, stop, kill }, role);
    view.progress(who, role);
    const ended = await running;
    if (ended.type !== 'Failed' || stop.aborted || kill.aborted) return ended;
    if (!isLoss(ended.error) || restarts >= maxRestarts) return ended;
    const why = isSecret ? reasonOf(stored, ended.error) : ended.error.message;
    view.warn(`${who}: ${why}; started again (${restarts + 1} of ${maxRestarts})`);
  }
}

function isLoss({ code }: AnnealError): boolean {
  return failureOf(code).retry === 'Counted';
}

/**
 * Steps and stages alone: what a client's losses are is its own. Under differential privacy so are
 * its warnings, which may be about records; they are in its run folder.
 */
function tell(view: FederationView, who: string, message: Telemetry, isSecret: boolean): void {
  if (message.type === 'step') view.progress(who, `step ${message.step} of ${message.totalSteps}`);
  if (message.type === 'warning' && !isSecret) view.warn(`${who}: ${message.message}`);
}

/** Why a client takes no part: in a federation under privacy nothing that records decide. */
function reasonOf({ record }: StoredFederation, { code, message }: AnnealError): string {
  const isPublic = code === 'E_PRIVACY_SPENT' || code === 'E_TIMEOUT';
  if (record.spec.privacy === undefined || isPublic) return message;
  return `it failed with ${code}; its run folder says why`;
}

function hubOf({ folder, record }: StoredFederation) {
  const stored = { folder, record };
  const { template } = record.spec;
  return {
    folder: join(folder, federationFiles.hub),
    record: {
      ...recordFor(stored, template, record.digest),
      federated: { root: folder, round: 0, epoch: 1, begins: { merged: [] } },
    },
  };
}

function recordFor(
  { record }: Pick<StoredFederation, 'record'>,
  spec: RunRecord['spec'],
  digest: string,
): RunRecord {
  const { name, namespace, folder, volumes, cache, device, threads, createdAt } = record;
  return {
    ...{ version: 1, name, namespace, folder, spec, digest, volumes, cache, device, threads },
    createdAt,
  };
}

function recordsOf({ folder }: StoredFederation): string {
  return join(folder, federationFiles.records);
}

function clientFolder({ folder }: StoredFederation, name: string, round: number): string {
  return join(folder, federationFiles.clients, name, `round-${round}`);
}

function resultOf(stored: StoredFederation, round: number): Promise<RoundResult | null> {
  return readWhole(recordsOf(stored), `${recordName.result(round)}.json`, roundResult);
}
