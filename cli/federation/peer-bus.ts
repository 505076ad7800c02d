// A client of a federation on the bus. Its record, the turn, is written on the revision of its own
// last write, so an attempt that lost the round to a later one writes nothing more.
import { UserError } from '../../crds/index.ts';
import { pause } from '../../crds/wire/connection.ts';
import {
  type RoundSubmit,
  recordName,
  roundSubmit,
  type StoredObject,
} from '../../crds/wire/federation.ts';
import {
  bucketBytes,
  type ClientTurn,
  clientSubjects,
  clientTurn,
  type HubRecord,
  hubRecord,
  reasonForWire,
} from '../../crds/wire/federation-bus.ts';
import type { FederationLink } from '../../crds/wire/federation-link.ts';
import { readWhole } from '../client/whole-json.ts';
import type { Hub } from './exchange.ts';
import { objectsOf, receiveObject, sendObject } from './object-files.ts';
import { recordsOf } from './run-hub.ts';

export const pollMs = 500;

/** Of a record whose state is open. */
export interface OpenRound {
  readonly run: string;
  readonly round: NonNullable<HubRecord['round']>;
}

export class PeerBus {
  readonly #link: FederationLink;
  readonly #subjects: ReturnType<typeof clientSubjects>;

  constructor(link: FederationLink, federation: string) {
    this.#link = link;
    this.#subjects = clientSubjects(federation);
  }

  /** Null where there is no federation yet, or none that can be read. */
  async hub(): Promise<HubRecord | null> {
    const { value } = await this.#link.read(this.#subjects.hub);
    return hubRecord.safeParse(value).data ?? null;
  }

  async turn(): Promise<ClientTurn | null> {
    const { value } = await this.#link.read(this.#subjects.turn.read);
    return clientTurn.safeParse(value).data ?? null;
  }

  /** This attempt of the round; `root` is the folder of the client. */
  attempt(open: OpenRound, client: string, root: string, signal: AbortSignal): Attempt {
    return new Attempt(this.#link, this.#subjects, { open, client, root, signal });
  }
}

interface AttemptFacts {
  readonly open: OpenRound;
  readonly client: string;
  readonly root: string;
  /** Aborted when the round has ended. */
  readonly signal: AbortSignal;
}

class Attempt implements Hub {
  readonly #link: FederationLink;
  readonly #subjects: ReturnType<typeof clientSubjects>;
  readonly #facts: AttemptFacts;
  #epoch = 0;
  #revision = 0;

  constructor(
    link: FederationLink,
    subjects: ReturnType<typeof clientSubjects>,
    facts: AttemptFacts,
  ) {
    this.#link = link;
    this.#subjects = subjects;
    this.#facts = facts;
  }

  get epoch(): number {
    return this.#epoch;
  }

  async claim(): Promise<number> {
    for (;;) {
      const { value, revision } = await this.#link.read(this.#subjects.turn.read);
      const before = clientTurn.safeParse(value).data;
      this.#epoch = (before !== undefined && this.#isOfRound(before) ? before.epoch : 0) + 1;
      const written = await this.#link.write(this.#subjects.turn, this.#turn({}), revision);
      if (written === false) continue;
      this.#revision = written;
      return this.#epoch;
    }
  }

  /** A state that is not there yet is on its way, until the round is over. */
  async fetch(): Promise<void> {
    const { open, root, signal } = this.#facts;
    const objects = objectsOf(open.round.begins);
    const bytes = objects.reduce((sum, one) => sum + one.bytes, 0);
    if (bytes > bucketBytes.hub) throw tooLarge(bytes);
    for (const object of objects) {
      while ((await this.#receive(root, object)) !== null) {
        await pause(pollMs, signal);
        signal.throwIfAborted();
      }
    }
  }

  async submit(): Promise<void> {
    const { client, root, open } = this.#facts;
    const { round } = open.round;
    const file = `${recordName.submit(round, client)}.json`;
    const submitted = await readWhole(recordsOf(root), file, roundSubmit);
    if (submitted === null) throw lost(client, round);
    await this.#upload(submitted);
    await this.#write({ submitted });
  }

  /** The hub goes on without this client, and says why. */
  async decline(reason: string): Promise<void> {
    await this.#write({ declined: reasonForWire(reason) });
  }

  #receive(root: string, object: StoredObject): Promise<string | null> {
    return receiveObject(this.#link, this.#subjects.objects, root, object);
  }

  /** In place of what earlier rounds and attempts have left there. */
  async #upload({ object }: RoundSubmit): Promise<void> {
    const { client, root } = this.#facts;
    await this.#link.purge(this.#subjects.clear);
    await sendObject(this.#link, this.#subjects.uploads(client), root, object);
  }

  async #write(said: Pick<ClientTurn, 'submitted' | 'declined'>): Promise<void> {
    const { client, open } = this.#facts;
    const { turn } = this.#subjects;
    for (;;) {
      const revision = await this.#link.write(turn, this.#turn(said), this.#revision);
      if (revision !== false) {
        this.#revision = revision;
        return;
      }
      const found = await this.#link.read(turn.read);
      if (this.#isLater(clientTurn.safeParse(found.value).data)) {
        throw lost(client, open.round.round);
      }
      // A server that lost its storage has lost the claim.
      this.#revision = found.revision;
    }
  }

  #isLater(other: ClientTurn | undefined): boolean {
    const { open } = this.#facts;
    if (other?.run !== open.run) return other !== undefined;
    const { round } = open.round;
    return other.round > round || (other.round === round && other.epoch > this.#epoch);
  }

  #turn(said: Pick<ClientTurn, 'submitted' | 'declined'>): ClientTurn {
    const { open } = this.#facts;
    return { version: 1, run: open.run, round: open.round.round, epoch: this.#epoch, ...said };
  }

  #isOfRound({ run, round }: ClientTurn): boolean {
    const { open } = this.#facts;
    return run === open.run && round === open.round.round;
  }
}

/** A hub has no place for it; it would fill the disk of the client. */
function tooLarge(bytes: number): UserError {
  return new UserError({
    code: 'E_INVALID_SPEC',
    message: `the state that the hub names has ${bytes} bytes; over a bus it has at most ${bucketBytes.hub}`,
  });
}

/** Two processes with the key of one client. */
export function lost(client: string, round: number): UserError {
  return new UserError({
    code: 'E_CONFLICT',
    message: `another process of ${client} has taken over round ${round}; only one trains it`,
    hint: 'end the other one, and start this one again',
  });
}
