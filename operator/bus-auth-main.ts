// The program that says who a connection of the bus is. `serve` answers until it is told to stop; `print-config FILE` writes what a server
// must know of the keys, before the server starts.
import { writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { KubeConfig } from '@kubernetes/client-node';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import * as z from 'zod';
import { toAnnealError, UserError } from '../crds/errors.ts';
import { failureOf } from '../crds/failures.ts';
import { programVersion } from '../crds/version.ts';
import { Bearers } from './bus-auth/bearer.ts';
import { busKeys } from './bus-auth/keys.ts';
import { connectResponder, type ResponderEvent, respond } from './bus-auth/responder.ts';
import { serverConfig } from './bus-auth/server-config.ts';
import { systemClock } from './runtime/clock.ts';
import { CredentialSource } from './runtime/credentials.ts';
import { HealthServer } from './runtime/health.ts';
import { shutdownSignal } from './runtime/shutdown.ts';
import { Transport } from './runtime/transport.ts';

const requestMs = 5_000;

const schema = z.object({
  ANNEAL_BUS_SEED: z.string().min(1),
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
  const keys = busKeys(env.ANNEAL_BUS_SEED);
  if (command === 'print-config' && file !== undefined) writeFileSync(file, serverConfig(keys));
  else if (command === 'serve') await serve(keys);
  else throw usage();
} catch (thrown) {
  const error = toAnnealError(thrown);
  log.fatal({ err: error, code: error.code, hint: error.hint }, 'the responder cannot go on');
  process.exitCode = failureOf(error.code).workerExit;
}

async function serve(keys: ReturnType<typeof busKeys>): Promise<void> {
  const signal = shutdownSignal(process, () => process.exit(1));
  const config = new KubeConfig();
  config.loadFromDefault();
  await using transport = new Transport({
    credentials: new CredentialSource(config, systemClock),
    clock: systemClock,
    userAgent: `anneal-bus-auth/${programVersion}`,
    ...{ timeoutMs: requestMs, connections: 8 },
  });
  let connected = false;
  const delay = monitorEventLoopDelay({ resolution: 100 });
  delay.enable();
  await using _health = await HealthServer.listen({
    port: env.ANNEAL_HEALTH_PORT,
    loopLagMs: () => worstOf(delay),
    ready: () => (connected ? { ready: true } : { ready: false, why: 'the bus does not answer' }),
    metrics: async () => ({ contentType: Registry.PROMETHEUS_CONTENT_TYPE, text: '' }),
  });
  const connection = await connectResponder(
    {
      url: env.ANNEAL_NATS_URL,
      name: `bus-auth ${hostname()}`,
      caFile: env.ANNEAL_NATS_CA_FILE,
    },
    keys,
  );
  connected = true;
  void (async () => {
    for await (const { type } of connection.status()) {
      if (type === 'disconnect') connected = false;
      if (type === 'reconnect') connected = true;
    }
  })();
  log.info({ version: programVersion }, 'the responder answers');
  const operatorAccount = env.ANNEAL_OPERATOR_ACCOUNT;
  const bearers = new Bearers({ transport, clock: systemClock, operatorAccount });
  await respond(connection, { keys, bearers, clock: systemClock, tell }, signal);
  await connection.close();
}

function tell(event: ResponderEvent): void {
  const { type, client } = event;
  if (type === 'Admitted') log.debug({ client, bearer: event.bearer }, 'admitted');
  else if (type === 'Refused') log.warn({ client, why: event.why }, 'refused');
  else log.error({ client, err: event.error }, 'the API server did not answer');
}

function worstOf(delay: ReturnType<typeof monitorEventLoopDelay>): number {
  const worst = delay.max / 1e6;
  delay.reset();
  return Number.isFinite(worst) ? worst : 0;
}

function usage(): UserError {
  return new UserError({
    code: 'E_USAGE',
    message: `${command ?? 'nothing'} is no command; it must be serve, or print-config and a file`,
    hint: 'the chart starts this program; see charts/anneal/templates/bus-auth',
  });
}
