// Clients that reach their hub over a bus. They train at once; the hub waits for what they send
// until each has spoken or the time of the round is over. Below its quorum then, it waits as long
// once more. What comes later is never looked at: the record of a client says of which round it is.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fewestClients } from '../../crds/api/federation.ts';
import { pause } from '../../crds/wire/connection.ts';
import { type RoundSpec, type RoundSubmit, recordName } from '../../crds/wire/federation.ts';
import type { ClientTurn } from '../../crds/wire/federation-bus.ts';
import { writeJson } from '../client/whole-json.ts';
import { now } from '../process/clock.ts';
import type { Cohort, TrainedRound } from './exchange.ts';
import type { HubBus } from './hub-bus.ts';
import type { FederationContext } from './processes.ts';
import { recordsOf } from './run-hub.ts';
import type { StoredFederation } from './store.ts';

const pollMs = 500;

/** What the hub does on the bus in a round. */
export type RoundBus = Pick<HubBus, 'open' | 'close' | 'hold' | 'turnOf' | 'receive'>;

export function busCohort(
  stored: StoredFederation,
  bus: RoundBus,
  context: FederationContext,
): Cohort {
  return {
    train: (round) => new Collecting(stored, bus, context, round).run(),
    end: () => bus.close(),
  };
}

class Collecting {
  readonly #stored: StoredFederation;
  readonly #bus: RoundBus;
  readonly #context: FederationContext;
  readonly #round: RoundSpec;
  /** By client, in what attempt it was heard last. */
  readonly #heard = new Map<string, number>();
  readonly #sent = new Set<string>();
  readonly #reasons = new Map<string, string>();

  constructor(
    stored: StoredFederation,
    bus: RoundBus,
    context: FederationContext,
    round: RoundSpec,
  ) {
    this.#stored = stored;
    this.#bus = bus;
    this.#context = context;
    this.#round = round;
  }

  async run(): Promise<TrainedRound> {
    const { spec } = this.#stored.record;
    const { stop, view } = this.#context;
    const seconds = spec.quorum.deadlineSeconds ?? 0; // refused without
    await this.#forget();
    await this.#bus.open(this.#round);
    let until = now().getTime() + 1000 * seconds;
    for (let extended = false; ; ) {
      await this.#look();
      if (this.#waitingFor().length === 0) break;
      if (stop.aborted) return { type: 'Stopped' };
      if (now().getTime() >= until) {
        const fewest = fewestClients(spec);
        if (extended || this.#sent.size >= fewest) break;
        extended = true;
        until = now().getTime() + 1000 * seconds;
        view.warn(
          `round ${this.#round.round} has ${this.#sent.size} of ${spec.clients.length} clients after ${seconds} seconds, and needs ${fewest}; it waits as long once more`,
        );
      }
      await pause(pollMs, stop);
    }
    const late = `it sent nothing within ${seconds} seconds`;
    for (const client of this.#waitingFor()) this.#refuse(client, late);
    return { type: 'Trained', reasons: Object.fromEntries(this.#reasons) };
  }

  /** Of an earlier start of this hub: a client may have lost its claim since. */
  async #forget(): Promise<void> {
    for (const client of this.#round.clients) {
      for (const name of [recordName.claim, recordName.submit]) {
        const file = `${name(this.#round.round, client)}.json`;
        await rm(join(recordsOf(this.#stored.folder), file), { force: true });
      }
    }
  }

  #waitingFor(): readonly string[] {
    const isSettled = (client: string) => this.#sent.has(client) || this.#reasons.has(client);
    return this.#round.clients.filter((client) => !isSettled(client));
  }

  async #look(): Promise<void> {
    await this.#bus.hold();
    for (const client of this.#waitingFor()) {
      const turn = await this.#bus.turnOf(client, this.#round.round);
      if (turn !== null) await this.#hear(client, turn);
    }
  }

  async #hear(client: string, { epoch, submitted, declined }: ClientTurn): Promise<void> {
    if (this.#heard.get(client) !== epoch) {
      this.#heard.set(client, epoch);
      this.#context.view.progress(client, epoch === 1 ? 'began' : `began again (${epoch})`);
    }
    if (declined !== undefined) this.#refuse(client, declined);
    else if (submitted !== undefined) await this.#take(client, epoch, submitted);
  }

  async #take(client: string, epoch: number, submitted: RoundSubmit): Promise<void> {
    if (submitted.client !== client) {
      const whose = `it names the client ${submitted.client}, and the account that sent it is that of ${client}`;
      return this.#refuse(client, whose);
    }
    const reason = await this.#bus.receive(client, submitted.object);
    if (reason !== null) return this.#refuse(client, reason);
    const { round } = this.#round;
    const records = recordsOf(this.#stored.folder);
    await writeJson(records, `${recordName.claim(round, client)}.json`, { round, client, epoch });
    await writeJson(records, `${recordName.submit(round, client)}.json`, submitted);
    this.#sent.add(client);
    this.#context.view.progress(client, 'submitted');
  }

  #refuse(client: string, reason: string): void {
    this.#reasons.set(client, reason);
    this.#context.view.warn(`round ${this.#round.round} goes on without ${client}: ${reason}`);
  }
}
