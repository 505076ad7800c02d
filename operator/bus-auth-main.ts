// The program that guards the bus: it authenticates connections, and serves what is stored to those
// who may not ask JetStream.
import { readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { KubeConfig } from '@kubernetes/client-node';
import { pino } from 'pino';
import * as z from 'zod';
import { systemClock } from '../crds/clock.ts';
import { toAnnealError, UserError } from '../crds/failures/errors.ts';
import { failureOf } from '../crds/failures/table.ts';
import { programVersion } from '../crds/names/version.ts';
import { Guard } from './bus-auth/guard.ts';
import { type BusKeys, busKeys } from './bus-auth/keys.ts';
import { serverConfig } from './bus-auth/server-config.ts';
import { clusterUid } from './runtime/cluster-uid.ts';
import { CredentialSource } from './runtime/credentials.ts';
import { HealthServer } from './runtime/health.ts';
import { shutdownSignal } from './runtime/shutdown.ts';
import { Transport } from './runtime/transport.ts';

const requestMs = 5_000;

const schema = z.object({
  /**
   * Absent where the bus is somebody else's: it judges by itself who may connect, and there is the
   * gateway alone.
   */
  ANNEAL_BUS_SEED: z.string().min(1).optional(),
  ANNEAL_NATS_URL: z.string().min(1).default('nats://127.0.0.1:4222'),
  ANNEAL_NATS_CA_FILE: z.string().min(1).optional(),
  ANNEAL_OPERATOR_ACCOUNT: z.string().min(1).default('anneal-system:anneal-operator'),
  ANNEAL_HEALTH_PORT: z.coerce.number().int().min(0).max(65_535).default(8080),
  ANNEAL_LOG_LEVEL: z.enum(['error', 'warn', 'info', 'debug']).default('info'),
});

const env = schema.parse(process.env);
const log = pino({ level: env.ANNEAL_LOG_LEVEL, base: { program: 'bus-auth' } });
const [command, file] = process.argv.slice(2);

try {
  const keys = env.ANNEAL_BUS_SEED === undefined ? undefined : busKeys(env.ANNEAL_BUS_SEED);
  if (command === 'print-config' && file !== undefined && keys !== undefined)
    writeFileSync(file, serverConfig(keys));
  else if (command === 'serve') await serve(keys);
  else throw usage();
} catch (thrown) {
  const error = toAnnealError(thrown);
  log.fatal({ err: error, code: error.code, hint: error.hint }, 'the bus cannot be guarded');
  process.exitCode = failureOf(error.code).workerExit;
}

async function serve(keys: BusKeys | undefined): Promise<void> {
  const signal = shutdownSignal(process, () => process.exit(1));
  const config = new KubeConfig();
  config.loadFromDefault();
  await using transport = new Transport({
    credentials: new CredentialSource(config, systemClock),
    clock: systemClock,
    userAgent: `anneal-bus-auth/${programVersion}`,
    ...{ timeoutMs: requestMs, connections: 8 },
  });
  const guard = new Guard({
    ...{ keys, transport, log, url: env.ANNEAL_NATS_URL, clock: systemClock },
    authority: env.ANNEAL_NATS_CA_FILE && readFileSync(env.ANNEAL_NATS_CA_FILE, 'utf8'),
    operatorAccount: env.ANNEAL_OPERATOR_ACCOUNT,
    name: hostname(),
    cluster: clusterUid(transport, signal),
  });
  const delay = monitorEventLoopDelay({ resolution: 100 });
  delay.enable();
  await using _health = await HealthServer.listen({
    port: env.ANNEAL_HEALTH_PORT,
    loopLagMs: () => worstOf(delay),
    ready: () => guard.ready,
    metrics: () => guard.metrics(),
  });
  await guard.run(signal);
}

function worstOf(delay: ReturnType<typeof monitorEventLoopDelay>): number {
  const worst = delay.max / 1e6;
  delay.reset();
  return Number.isFinite(worst) ? worst : 0;
}

function usage(): UserError {
  return new UserError({
    code: 'E_USAGE',
    message: `${command ?? 'nothing'} is no command; it must be serve, or print-config and a file with ANNEAL_BUS_SEED set`,
    hint: 'the chart starts this program; see charts/anneal/templates/bus-auth',
  });
}
