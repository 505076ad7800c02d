// The operator as one thing that starts and stops: informers that every replica runs, and the work
// that only the leader does.
import type { Logger } from 'pino';
import type { Clock } from '../crds/clock.ts';
import type { SpanSink } from '../crds/trace/span.ts';
import type { JobBus } from './bus/job-bus.ts';
import type { OperatorConfig } from './config.ts';
import { discover } from './discovery.ts';
import { FederationSide } from './federation/side.ts';
import { createInformers, type Informers } from './informers.ts';
import type { SiteFacts } from './job/facts.ts';
import { Janitor } from './job/janitor.ts';
import { ProgressWriter } from './job/progress-writer.ts';
import { JobReconciler } from './job/reconcile.ts';
import { Observer } from './observer.ts';
import { PoolSide } from './pool/side.ts';
import type { KubeClient } from './runtime/client.ts';
import { runController } from './runtime/controller.ts';
import { EventRecorder } from './runtime/events.ts';
import { HealthServer } from './runtime/health.ts';
import { LeaderElection } from './runtime/lease.ts';
import type { Metrics } from './runtime/metrics.ts';
import type { Random } from './runtime/random.ts';
import { type Following, untilSynced } from './runtime/reflector-group.ts';
import { WorkQueue } from './runtime/work-queue.ts';
import { ServerSide } from './server/side.ts';

interface OperatorFacts {
  readonly config: OperatorConfig;
  /** For reconciling, and one of its own for the lease. */
  readonly clients: { readonly work: KubeClient; readonly lease: KubeClient };
  readonly bus: JobBus;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Absent where no collector is configured. */
  readonly spans?: SpanSink | undefined;
  readonly identity: string;
  readonly loopLagMs: () => number;
  /** Ends the process: work that was begun under a lost lease does not stop. */
  readonly endNow: (why: string) => void;
}

const reconcileDeadlineMs = 30_000;
/** After the lease is lost, calls under way have so long to settle. */
const settleMs = 5_000;

export async function runOperator(facts: OperatorFacts, signal: AbortSignal): Promise<void> {
  const { config, clients, bus, clock, random, log, metrics } = facts;
  const observer = new Observer(log, metrics, clock, facts.spans);
  const found = await discover(clients.work, config.gangs, signal);
  const { gangs, hasQueues, hasAdapters } = found;
  const gang = gangs[0];
  const queue = new WorkQueue({ clock, random, added: () => observer.queueAdd() });
  const following = {
    connection: { client: clients.work, clock, random },
    namespaces: config.namespaces,
    tell: observer.reflector.bind(observer),
  };
  const serving = found.hasServers && config.features.has('adapterServers');
  const serverSide = serving ? new ServerSide(facts, observer, following) : undefined;
  const federates = found.hasFederations && config.features.has('federations');
  const federationSide = federates ? new FederationSide(facts, observer, following) : undefined;
  const pooling = found.hasPools && config.features.has('trainingPools');
  const poolSide = pooling ? new PoolSide(facts, observer, following) : undefined;
  const sides = [serverSide, federationSide, poolSide].filter((side) => side !== undefined);
  const informers = createInformers({
    ...following,
    gang,
    readsWorkloads: hasQueues && config.features.has('kueueStatus'),
    readsNodes: config.features.has('forceReplace') || config.features.has('deviceLabels'),
    readsPools: pooling,
    changed: (key) => queue.add(key),
  });
  const { jobs, pools } = informers.stores;
  if (pools !== undefined) poolSide?.follow({ jobs, pools, synced: informers.synced });
  const site: SiteFacts = {
    ...{ settings: config.pods, gangs, hasQueues, hasAdapters },
    mayReplaceByForce: config.features.has('forceReplace'),
    mayCreateClaims: config.features.has('volumeClaimTemplate'),
    mayDeleteJobs: config.features.has('deleteFinishedJobs'),
    refusesNotBuilt: true,
  };
  log.info({ ...found, features: [...config.features] }, 'cluster discovered');
  observer.follow({ queue, informers, bus, transport: clients.work.transport });
  await using health = await HealthServer.listen({
    port: config.healthPort,
    loopLagMs: facts.loopLagMs,
    ready: () => readiness([informers, ...sides.map((side) => side.informers)]),
    metrics: () => observer.page(),
  });
  log.info({ port: health.port }, 'health endpoints are open');
  const running = Promise.all(
    [informers, ...sides.map((side) => side.informers)].map((each) => each.run(signal)),
  );
  const election = new LeaderElection({
    ...{ client: clients.lease, clock, random, lease: config.lease },
    identity: facts.identity,
    tell: (event) => observer.lease(event),
  });
  await election.run(async (leading) => {
    const beside = sides.map((side) => side.lead(leading));
    await Promise.all([
      lead(facts, { informers, queue, site, observer, poolSide }, leading),
      ...beside,
    ]);
  }, signal);
  await running;
}

interface Standing {
  readonly informers: Informers;
  readonly queue: WorkQueue;
  readonly site: SiteFacts;
  readonly observer: Observer;
  readonly poolSide: PoolSide | undefined;
}

/** What the leader alone does, until it leads no longer. */
async function lead(facts: OperatorFacts, standing: Standing, leading: AbortSignal): Promise<void> {
  const { config, clients, bus, clock, metrics } = facts;
  const { informers, queue, site, observer, poolSide } = standing;
  const { stores } = informers;
  if (!(await untilSynced(informers.synced, leading))) return;
  const events = new EventRecorder({
    ...{ client: clients.work, clock, controller: 'anneal.dev/operator', instance: facts.identity },
    dropped: () => metrics.eventsDropped.inc(),
  });
  const reconciler = new JobReconciler({
    ...{ stores, client: clients.work, bus, site, gang: site.gangs[0], clock, events },
    seen: (change) => observer.phase(change),
  });
  const progress = new ProgressWriter({
    ...{ jobs: stores.jobs, client: clients.work, clock },
    bus: {
      facts: (job) => bus.facts(job),
      progress: (job) => poolSide?.progress.of(job.uid) ?? bus.progress(job),
    },
    seen: (result) => metrics.statusWrites.inc({ manager: 'progress', result }),
  });
  const janitor = new Janitor({
    ...{ jobs: stores.jobs, bus, clock, namespaces: config.namespaces },
    tell: (event) => observer.janitor(event),
  });
  // A full pass: timers live in status, and whoever led before had them in memory.
  const all = () => {
    for (const key of stores.jobs.keys()) queue.add(key);
  };
  using _bus = bus.subscribe((job) => {
    if (job === undefined) all();
    else
      for (const { metadata } of stores.jobs.by('uid', job.uid))
        queue.add(`${metadata.namespace}/${metadata.name}`);
  });
  all();
  const work = Promise.all([
    runController(
      {
        ...{ queue, clock, workers: config.reconcilers, deadlineMs: reconcileDeadlineMs },
        reconcile: (key, signal) => reconciler.reconcile(key, signal),
        seen: (outcome) => observer.reconcile(outcome),
      },
      leading,
    ),
    events.run(leading),
    progress.run(leading),
    janitor.run(leading),
  ]);
  leading.addEventListener('abort', () => watchSettling(facts, work), { once: true });
  await work;
}

/**
 * Two leaders at once can do no harm (names are deterministic), but a process that cannot stop its
 * calls should not go on either.
 */
function watchSettling({ clock, endNow }: OperatorFacts, work: Promise<unknown>): void {
  const settled = new AbortController();
  const done = () => settled.abort();
  work.then(done, done);
  clock.sleep(settleMs, settled.signal).then(
    () => endNow(`calls did not settle within ${settleMs} ms after the lease was lost`),
    () => undefined, // settled in time
  );
}

function readiness(all: readonly Following[]) {
  const missing = all.flatMap((one) => one.missing());
  if (missing.length === 0) return { ready: true } as const;
  return { ready: false, why: `not listed yet: ${missing.join(', ')}` } as const;
}
