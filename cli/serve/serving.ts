// A server from its start to its end: the process that holds the model, and the HTTP side in front
// of it. The first signal ends it when what is open is answered, the second at once.
import { randomInt } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { systemClock } from '../../crds/clock.ts';
import { UserError } from '../../crds/index.ts';
import { serveMessage } from '../../crds/serve/messages.ts';
import { sanitize } from '../../crds/text/sanitize.ts';
import type { Telemetry } from '../../crds/wire/telemetry.ts';
import { type RoleEnd, type StartedRole, startRole } from '../client/local-role.ts';
import { stopSignals } from '../client/stop-signals.ts';
import { now, passedMs } from '../process/clock.ts';
import { HeldLogprobs } from './held-logprobs.ts';
import { httpEdge } from './http-edge.ts';
import { ModelProcess } from './model-process.ts';
import { ServeMetrics } from './numbers.ts';
import { ServeSpeed } from './speed.ts';

interface Serving {
  /** Main file of the worker process. */
  readonly worker: string;
  /** Has the settings of the worker. */
  readonly folder: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly host: string;
  readonly port: number;
  /** Of the base, for messages. */
  readonly name: string;
  /** Requests that are open at once. */
  readonly most: number;
  /** Milliseconds in which new requests are still answered after the first signal. */
  readonly lingerMs: number;
  /** Says how fast it answers, now and then and at the end. */
  readonly stats: boolean;
  readonly told: (message: Telemetry) => void;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

/** How often `--stats` says something, while there is something to say. */
const statsMs = 10_000;

/** Throws where it ends by itself. */
export async function serveUntilStopped(serving: Serving): Promise<void> {
  const { worker, folder, variables, most, told, out, err } = serving;
  const signals = stopSignals();
  const draining = new AbortController();
  const over = new AbortController();
  const speed = new ServeSpeed(passedMs);
  const started = startRole({
    ...{ worker, role: 'serve', folder, variables, onMessage: told },
    onOther: (raw) => {
      const { data } = serveMessage.safeParse(raw);
      if (data === undefined) return;
      speed.heard(data);
      model.hear(data);
      if (data.serve !== 'Models') return;
      err(`serving    ${data.models.map(({ name }) => name).join(', ')}\n`);
      for (const { reason } of data.refused) err(`refused    ${sanitize(reason)}\n`);
    },
  });
  const model = new ModelProcess((order) => {
    speed.asked(order);
    started.send(order);
  });
  const edge = httpEdge({
    ...{ process: model, metrics: new ServeMetrics(model), held: new HeldLogprobs(), most },
    isLeaving: () => signals.stop.aborted,
    isDraining: () => draining.signal.aborted,
    ...{ now: () => now().getTime(), seed: () => randomInt(2 ** 31) },
  });
  const drain = async (): Promise<void> => {
    if (serving.lingerMs > 0) {
      err(`answering requests for ${serving.lingerMs / 1000} s more\n`);
      // Ends early where the process that holds the model does.
      await systemClock.sleep(serving.lingerMs, over.signal).catch(() => undefined);
    }
    if (over.signal.aborted) return;
    err(`answering ${model.open} open requests, then ending; press again to end at once\n`);
    draining.abort();
    endWhenAnswered(edge, started);
  };
  const onSignal = (): void => {
    if (signals.press(now())) void drain();
    else if (signals.kill.aborted) started.kill();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  try {
    const listening = await listen(edge, serving).catch((error: unknown) => {
      started.kill();
      throw cannotListen(serving, error);
    });
    out(`http://${listening}/v1\n`);
    const telling = serving.stats ? tellSpeed(speed, err, over.signal) : undefined;
    const ended = await started.ended;
    model.gone();
    over.abort();
    await telling;
    requireAsked(ended, signals.stop.aborted, serving.name);
  } finally {
    over.abort();
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
    edge.close();
    edge.closeAllConnections();
  }
}

/** Until `over`, and then what is left and the sum of all. */
async function tellSpeed(speed: ServeSpeed, err: Serving['err'], over: AbortSignal): Promise<void> {
  const say = (line: string | undefined): void => {
    if (line !== undefined) err(`speed      ${line}\n`);
  };
  while (!over.aborted) {
    await systemClock.sleep(statsMs, over).catch(() => undefined);
    say(speed.line());
  }
  say(speed.total());
}

/** No new requests; the process ends when those that are open are answered. */
function endWhenAnswered(edge: ReturnType<typeof httpEdge>, started: StartedRole): void {
  edge.close();
  edge.closeIdleConnections();
  started.stop();
}

async function listen(edge: ReturnType<typeof httpEdge>, { host, port }: Serving) {
  const { promise, resolve: done, reject } = Promise.withResolvers<void>();
  edge.once('error', reject);
  edge.listen(port, host, done);
  await promise;
  const address = edge.address() as AddressInfo;
  return `${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`;
}

function cannotListen({ host, port }: Serving, error: unknown): UserError {
  return new UserError({
    code: 'E_USAGE',
    message: `cannot listen on ${host} port ${port}: ${error instanceof Error ? error.message : error}`,
    hint: 'choose another port with --port; 0 takes a free one',
  });
}

/** A process that was killed after it was told to stop did what was wanted. */
function requireAsked(ended: RoleEnd, isStopping: boolean, name: string): void {
  if (ended.type !== 'Failed' || isStopping) return;
  ended.error.message ||= `the server of ${name} ended ${ended.how}`;
  throw ended.error;
}
