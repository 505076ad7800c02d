// Responder and gateway as one unit: the responder lets connections in, the gateway answers their
// requests. On a bus that the site runs itself there are no keys and no responder, and the gateway
// is a client like any other.
import type { NatsConnection } from 'nats';
import type { Logger } from 'pino';
import type { Clock } from '../../crds/clock.ts';
import type { BusOptions } from '../../crds/wire/connection.ts';
import { Gateway } from '../gateway/gateway.ts';
import type { Readiness } from '../runtime/health.ts';
import type { KubeTransport } from '../runtime/transport.ts';
import { Bearers } from './bearer.ts';
import type { BusKeys } from './keys.ts';
import { BusAuthMetrics } from './metrics.ts';
import { connectResponder, type ResponderEvent, respond } from './responder.ts';
import { Visits } from './visits.ts';

interface GuardFacts {
  readonly keys: BusKeys | undefined;
  readonly url: string;
  readonly authority: string | undefined;
  /** Shown by the server. */
  readonly name: string;
  readonly transport: KubeTransport;
  readonly cluster: () => Promise<string>;
  readonly operatorAccount: string;
  readonly clock: Clock;
  readonly log: Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;
}

export class Guard {
  readonly #facts: GuardFacts;
  readonly #gateway: Gateway;
  readonly #metrics: BusAuthMetrics;
  #responds = false;

  constructor(facts: GuardFacts) {
    this.#facts = facts;
    const { keys, clock, log, cluster } = facts;
    this.#metrics = new BusAuthMetrics(() => this.#gateway);
    this.#gateway = new Gateway({
      ...{ clock, cluster },
      bus: this.#optionsFor('store', keys?.store),
      workers: this.#optionsFor('counter', keys?.counter),
      tell: (error) => log.warn({ err: error }, 'the bus does not answer the gateway'),
      seen: (what, answer, ms) => this.#metrics.answered(what, answer, ms),
    });
    this.#responds = keys === undefined;
  }

  /**
   * Without a gateway pods are told that the bus is away, without a responder nobody connects: a
   * pod that has neither is of no use.
   */
  get ready(): Readiness {
    if (!this.#responds) return { ready: false, why: 'the bus does not answer the responder' };
    return { ready: true };
  }

  get gateway(): Gateway {
    return this.#gateway;
  }

  async metrics() {
    const { registry } = this.#metrics;
    return { contentType: registry.contentType, text: await registry.metrics() };
  }

  /** Until aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { keys } = this.#facts;
    const answering = this.#gateway.run(signal);
    if (keys !== undefined) await this.#respond(keys, signal);
    await answering;
  }

  async #respond(keys: BusKeys, signal: AbortSignal): Promise<void> {
    const { url, name, authority, transport, operatorAccount, clock, log } = this.#facts;
    const connection = await connectResponder({ url, name: `bus-auth ${name}`, authority }, keys);
    const bearers = new Bearers({ transport, clock, operatorAccount });
    const tell = (event: ResponderEvent) => this.#tell(event);
    const facts = { keys, bearers, visits: new Visits(), clock, tell };
    const answering = respond(connection, facts, signal);
    // From here on the server has a responder to ask.
    await connection.flush();
    this.#responds = true;
    void this.#follow(connection);
    log.info('the responder answers');
    await answering;
    await connection.close();
  }

  async #follow(connection: NatsConnection): Promise<void> {
    for await (const { type } of connection.status()) {
      if (type === 'disconnect') this.#responds = false;
      if (type === 'reconnect') this.#responds = true;
    }
  }

  #tell(event: ResponderEvent): void {
    const { log } = this.#facts;
    const { type, client } = event;
    this.#metrics.judged(event);
    if (type === 'Admitted') log.debug({ client, bearer: event.bearer }, 'admitted');
    else if (type === 'Refused') log.warn({ client, why: event.why }, 'refused');
    else log.error({ client, err: event.error }, 'the API server did not answer');
  }

  #optionsFor(part: string, key: BusKeys['store'] | undefined): BusOptions {
    const { url, name, authority } = this.#facts;
    return {
      ...{ url, name: `gateway ${part} ${name}` },
      ...(authority === undefined ? {} : { authority }),
      ...(key === undefined ? {} : { seed: key.getSeed() }),
    };
  }
}
