// Processes of a federation: each a role on a folder of its own, started again where it was lost.
import { type AnnealError, failureOf } from '../../crds/index.ts';
import type { FederatedRun, RoundResult } from '../../crds/wire/federation.ts';
import type { RunRecord } from '../../crds/wire/run-folder.ts';
import type { Telemetry } from '../../crds/wire/telemetry.ts';
import { type LocalOutcome, runRole } from '../client/local-run.ts';

export interface FederationContext {
  /** Main file of the worker process. */
  readonly worker: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly stop: AbortSignal;
  readonly kill: AbortSignal;
  readonly view: WorkerView;
}

export interface WorkerView {
  /** Of a process: who it is, and where it is. Losses of clients stay with them. */
  progress(who: string, words: string): void;
  warn(sentence: string): void;
}

export interface FederationView extends WorkerView {
  round(result: RoundResult): void;
}

interface Turn {
  readonly who: string;
  readonly role: string;
  readonly folder: string;
  readonly maxRestarts: number;
  /** Of a client under differential privacy. */
  readonly isSecret: boolean;
}

/** Starts a process that was lost again, as often as the template allows. */
export async function surely(
  { worker, variables, stop, kill, view }: FederationContext,
  { who, role, folder, maxRestarts, isSecret }: Turn,
): Promise<LocalOutcome> {
  for (let restarts = 0; ; restarts += 1) {
    if (stop.aborted) return { type: 'Stopped' };
    const onMessage = (message: Telemetry): void => tell(view, who, message, isSecret);
    const running = runRole({ worker, folder, variables, onMessage, stop, kill }, role);
    view.progress(who, role);
    const ended = await running;
    if (ended.type !== 'Failed' || stop.aborted || kill.aborted) return ended;
    if (!isLoss(ended.error) || restarts >= maxRestarts) return ended;
    const why = reasonOf(ended.error, isSecret);
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
function tell(view: WorkerView, who: string, message: Telemetry, isSecret: boolean): void {
  if (message.type === 'step') view.progress(who, `step ${message.step} of ${message.totalSteps}`);
  if (message.type === 'warning' && !isSecret) view.warn(`${who}: ${message.message}`);
}

/** Why a client takes no part: in a federation under privacy nothing that records decide. */
export function reasonOf({ code, message }: AnnealError, isSecret: boolean): string {
  const isPublic = ['E_PRIVACY_SPENT', 'E_TIMEOUT', 'E_DIGEST_MISMATCH'].includes(code);
  if (!isSecret || isPublic) return message;
  return `it failed with ${code}; its run folder says why`;
}

export interface RunPlace
  extends Pick<
    RunRecord,
    'name' | 'namespace' | 'folder' | 'volumes' | 'cache' | 'device' | 'threads' | 'createdAt'
  > {}

/** The record of a run that is a part of a federation. */
export function recordFor(
  place: RunPlace,
  spec: RunRecord['spec'],
  digest: string,
  federated: FederatedRun,
): RunRecord {
  const { name, namespace, folder, volumes, cache, device, threads, createdAt } = place;
  return {
    ...{ version: 1, name, namespace, folder, spec, digest, volumes, cache, device, threads },
    ...{ createdAt, federated },
  };
}
