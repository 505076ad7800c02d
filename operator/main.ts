// The operator process: environment and signals in, one call that runs until it is told to stop.
import { readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { KubeConfig } from '@kubernetes/client-node';
import { pino } from 'pino';
import { systemClock } from '../crds/clock.ts';
import { toAnnealError } from '../crds/failures/errors.ts';
import { failureOf } from '../crds/failures/table.ts';
import { programVersion } from '../crds/names/version.ts';
import { SpanExporter } from '../crds/trace/exporter.ts';
import { countedBus } from './bus/counted-bus.ts';
import { type JobBus, noBus } from './bus/job-bus.ts';
import { NatsBus } from './bus/nats-bus.ts';
import { type OperatorConfig, operatorConfig } from './config.ts';
import { runOperator } from './operator.ts';
import { KubeClient } from './runtime/client.ts';
import { clusterUid } from './runtime/cluster-uid.ts';
import { CredentialSource } from './runtime/credentials.ts';
import { createMetrics } from './runtime/metrics.ts';
import { systemRandom } from './runtime/random.ts';
import { shutdownSignal } from './runtime/shutdown.ts';
import { Transport } from './runtime/transport.ts';

const requestMs = 15_000;
/** A renewal that takes longer is as good as lost. */
const leaseRequestMs = 4_000;

const config = operatorConfig(process.env, readIfThere('/etc/resolv.conf'));
const log = pino({ level: config.logLevel, base: { program: 'operator' } });
const endNow = (why: string) => {
  log.fatal({ why }, 'the operator ends at once');
  process.exit(1);
};
const signal = shutdownSignal(process, () => endNow('a second signal was received'));
const identity = `${config.podName}_${Math.random().toString(36).slice(2, 10)}`;
const metrics = createMetrics();
const delay = monitorEventLoopDelay({ resolution: 100 });
delay.enable();
const exporter = startTraces(config);

try {
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromDefault();
  await using work = transport(kubeConfig, requestMs, 32);
  await using lease = transport(kubeConfig, leaseRequestMs, 1);
  const { bus, following } = startBus(config, clusterUid(work, signal));
  log.info({ version: programVersion, identity }, 'the operator starts');
  await runOperator(
    {
      config: trusting(config),
      ...{ bus, log, metrics, identity, endNow, spans: exporter?.put },
      clients: { work: new KubeClient(work), lease: new KubeClient(lease) },
      clock: systemClock,
      random: systemRandom,
      loopLagMs: worstLag,
    },
    signal,
  );
  await following;
  await exporter?.close();
  log.info('the operator ends');
} catch (thrown) {
  if (!signal.aborted) {
    const error = toAnnealError(thrown);
    log.fatal({ err: error, code: error.code, hint: error.hint }, 'the operator cannot go on');
    process.exitCode = failureOf(error.code).workerExit;
  }
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // the variables are enough
  }
}

function startTraces({ traces }: OperatorConfig): SpanExporter | undefined {
  if (traces.type === 'Refused') log.error({ why: traces.message }, 'traces are not sent');
  if (traces.type !== 'On') return undefined;
  const { endpoint, timeoutMs } = traces;
  let isTold = false;
  return new SpanExporter({
    ...{ endpoint, timeoutMs, service: 'anneal-operator', version: programVersion },
    resource: {
      'k8s.pod.name': config.podName,
      'k8s.namespace.name': config.lease.namespace,
    },
    onDropped(spans, why) {
      metrics.spansDropped.inc(spans);
      // The number tells how many more.
      if (!isTold) log.warn({ endpoint, why }, 'spans could not be sent');
      isTold = true;
    },
  });
}

function transport(from: KubeConfig, timeoutMs: number, connections: number): Transport {
  return new Transport({
    credentials: new CredentialSource(from, systemClock),
    clock: systemClock,
    userAgent: `anneal-operator/${programVersion}`,
    ...{ timeoutMs, connections },
    seen: (verb, status, ms) => {
      metrics.requests.inc({ method: verb, code: String(status) });
      metrics.requestDuration.observe({ verb }, ms / 1000);
    },
  });
}

/** Pods trust the bus by what the operator trusts it by. */
function trusting(config: OperatorConfig): OperatorConfig {
  const { bus, pods } = config;
  if (bus?.caFile === undefined || pods.bus === undefined) return config;
  const authority = readFileSync(bus.caFile, 'utf8');
  return { ...config, pods: { ...pods, bus: { ...pods.bus, authority } } };
}

function startBus(
  from: OperatorConfig,
  cluster: () => Promise<string>,
): { bus: JobBus; following: Promise<void> } {
  if (from.bus === undefined) return { bus: noBus, following: Promise.resolve() };
  const { url, tokenFile, caFile, replicas } = from.bus;
  const authority = caFile === undefined ? undefined : readFileSync(caFile, 'utf8');
  const nats = new NatsBus(
    {
      ...{ url, name: `anneal-operator ${identity}` },
      ...(tokenFile === undefined ? {} : { token: () => readFileSync(tokenFile, 'utf8').trim() }),
      ...(authority === undefined ? {} : { authority }),
    },
    {
      ...{ clock: systemClock, random: systemRandom, replicas, identity, cluster },
      tell: (error) => log.warn({ err: error }, 'the bus does not answer'),
    },
  );
  const bus = countedBus(nats, (write) => metrics.busWrites.inc(write));
  return { bus, following: nats.run(signal) };
}

/** The longest hold-up since the last look. */
function worstLag(): number {
  const worst = delay.max / 1e6;
  delay.reset();
  return Number.isFinite(worst) ? worst : 0;
}
