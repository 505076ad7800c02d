// The role `aggregate`: the next round of a federation, from its submissions to its result. It
// reads records and objects alone; a run again after a kill finds the same and writes the same.
import { type FederationSpec, fewestClients } from '../../crds/api/federation.ts';
import { TerminalError } from '../../crds/failures/errors.ts';
import { resolveMethod } from '../../crds/index.ts';
import {
  type FederatedState,
  type RoundResult,
  type RoundSpec,
  recordName,
  roundAbsent,
  roundClaim,
  roundResult,
  roundSpec,
  roundSubmit,
} from '../../crds/wire/federation.ts';
import { digestFound, openObject, putObject } from '../checkpoint/objects.ts';
import { adaptedLayers } from '../engine/adapted-layers.ts';
import { scaleOf } from '../methods/adapters/lora.ts';
import { buildOptionsOf } from '../methods/index.ts';
import type { Role } from '../role.ts';
import { keep, scope } from '../tensor/scope.ts';
import { type Tensor, tensor } from '../tensor/tensor.ts';
import {
  type Aggregated,
  aggregate,
  type ClientUpdate,
  isExact,
  suffixes,
  type Tensors,
} from './aggregate.ts';
import { type Hub, judged, openHub, withModel } from './hub-model.ts';
import { matricesIn, readSubmission } from './read-submission.ts';
import {
  digestOfState,
  federatedOf,
  federationIn,
  type Records,
  recordsIn,
} from './round-files.ts';
import { type Expected, refusalOf } from './submission.ts';

export const aggregateRole: Role = async (context) => {
  using hub = await openHub(context);
  const { root } = federatedOf(hub.run);
  const { spec } = await federationIn(root);
  const records = recordsIn(root);
  const round = await openRound(records);
  context.emit({
    type: 'stage',
    stage: 'Export',
    state: 'Started',
    subject: `round ${round.round}`,
  });
  const collected = await collect({ hub, records, spec, round });
  requireQuorum(spec, round, collected);
  const { begins } = round;
  const fixed = begins.fixed === undefined ? null : await openObject(root, begins.fixed);
  const aggregated = aggregate({
    aggregation: spec.aggregation,
    weights: spec.weights,
    lambda: Number(spec.lambda ?? '0.01'),
    clients: collected.updates,
    fixed: fixed === null ? new Map() : matricesIn(fixed),
  });
  const ends = await endOf(root, begins, aggregated, spec);
  context.emit({ type: 'stage', stage: 'Export', state: 'Done' });
  const { feed } = hub;
  const evaluation = await withModel(context, hub, ends.state, (model) =>
    judged(context, model, feed),
  );
  const { clients: used, weights, error } = aggregated;
  await records.write(recordName.result(round.round), roundResult, {
    ...{ round: round.round, ends: ends.state, state: digestOfState(ends.state) },
    ...{ base: round.base, used: [...used], weights: [...weights], refused: collected.refused },
    ...{ exact: isExact(spec.aggregation), error, evaluation },
    bytes: { up: collected.bytes, down: fetchedBytes(begins, round.round) },
    ...(spec.privacy && {
      privacy: { holds: spec.privacy.testSeed === undefined, clients: collected.spent },
    }),
  });
};

/** The first round without a result. */
async function openRound(records: Records): Promise<RoundSpec> {
  let round = 1;
  while ((await records.read(recordName.result(round), roundResult)) !== null) round += 1;
  return await records.require(recordName.spec(round), roundSpec);
}

interface Collecting {
  readonly hub: Hub;
  readonly records: Records;
  readonly spec: FederationSpec;
  readonly round: RoundSpec;
}

interface Collected {
  readonly updates: readonly ClientUpdate[];
  readonly refused: RoundResult['refused'];
  /** Of the objects that are used. */
  readonly bytes: number;
  readonly spent: NonNullable<RoundResult['privacy']>['clients'];
}

async function collect(collecting: Collecting): Promise<Collected> {
  const { records, round } = collecting;
  const absent = await records.read(recordName.absent(round.round), roundAbsent);
  const beginning = await beginningOf(records.root, round.begins);
  const updates: ClientUpdate[] = [];
  const refused: { client: string; reason: string }[] = [];
  const spent: Collected['spent'] = [];
  let bytes = 0;
  for (const client of round.clients.toSorted()) {
    const sent = await records.read(recordName.submit(round.round, client), roundSubmit);
    if (sent === null) {
      refused.push({ client, reason: absent?.reasons[client] ?? 'it sent nothing' });
      continue;
    }
    if (sent.privacy !== undefined) spent.push({ client, ...sent.privacy });
    const found = await digestFound(records.root, sent.object.digest);
    const submission = readSubmission(records.root, sent, found, beginning);
    const reason = refusalOf(submission, await expectedOf(collecting, client, beginning));
    if (reason !== null) {
      refused.push({ client, reason });
      continue;
    }
    bytes += sent.object.bytes;
    const { samples, matrices } = submission;
    updates.push({
      client,
      samples,
      scale: scaleOfClient(collecting.spec, client),
      tensors: matrices,
    });
  }
  return { updates, refused, bytes, spent };
}

async function beginningOf(root: string, { trained }: FederatedState): Promise<Tensors> {
  return trained === undefined ? new Map() : matricesIn(await openObject(root, trained));
}

async function expectedOf(
  { hub, records, spec, round }: Collecting,
  client: string,
  beginning: Tensors,
): Promise<Expected> {
  const claim = await records.require(recordName.claim(round.round, client), roundClaim);
  return {
    ...{ round: round.round, epoch: claim.epoch, base: round.base, state: round.state },
    maxNorm: spec.maxNorm === undefined ? undefined : Number(spec.maxNorm),
    shapes:
      beginning.size > 0
        ? new Map([...beginning].map(([name, { rows, columns }]) => [name, [rows, columns]]))
        : ownFactors(hub, rankOf(spec, client)),
  };
}

/** Of a client that draws its own. */
function ownFactors({ run, method, files }: Hub, rank: number): Expected['shapes'] {
  const { adapter } = buildOptionsOf(run.spec, method);
  const layers = adapter === null ? [] : adaptedLayers(files.config, adapter);
  return new Map(
    layers.flatMap((layer) => [
      [`${layer.path}.${suffixes.A}`, [rank, layer.in]] as const,
      [`${layer.path}.${suffixes.B}`, [layer.out, rank]] as const,
    ]),
  );
}

function loraOf({ template }: FederationSpec) {
  const { adapter } = resolveMethod(template.method);
  return adapter.type === 'LoRA' ? adapter.lora : null;
}

function rankOf(spec: FederationSpec, client: string): number {
  const own = spec.clients.find(({ name }) => name === client)?.rank;
  return own ?? loraOf(spec)?.rank ?? 0;
}

function scaleOfClient(spec: FederationSpec, client: string): number {
  const lora = loraOf(spec);
  return lora === null ? 1 : scaleOf({ ...lora, rank: rankOf(spec, client) });
}

function requireQuorum(
  spec: FederationSpec,
  { round }: RoundSpec,
  { updates, refused }: Collected,
): void {
  const fewest = fewestClients(spec);
  if (updates.length >= fewest) return;
  const why = refused.map(({ client, reason }) => `${client}: ${reason}`).join('; ');
  throw new TerminalError({
    code: 'E_JOB_FAILED',
    message: `round ${round} has ${updates.length} of ${spec.clients.length} clients, and needs ${fewest} (${why})`,
    hint: 'repair what the clients say and run the same command again, or lower spec.quorum.minClients',
  });
}

async function endOf(
  root: string,
  begins: FederatedState,
  { tensors }: Aggregated,
  { aggregation }: FederationSpec,
): Promise<{ readonly state: FederatedState }> {
  const made = new Map<string, Tensor>();
  scope(() => {
    for (const [name, { rows, columns, values }] of tensors) {
      made.set(name, keep(tensor(Float32Array.from(values), [rows, columns])));
    }
  });
  const object = await putObject(root, made);
  for (const one of made.values()) one.dispose();
  const state =
    aggregation === 'FLoRA'
      ? { ...begins, merged: [...begins.merged, object] }
      : { ...begins, trained: object };
  return { state };
}

/** What is new for a client: the fixed factors come once, and of merged products the last one. */
function fetchedBytes({ fixed, trained, merged }: FederatedState, round: number): number {
  const first = round === 1 ? (fixed?.bytes ?? 0) : 0;
  return first + (trained?.bytes ?? 0) + (merged.at(-1)?.bytes ?? 0);
}
