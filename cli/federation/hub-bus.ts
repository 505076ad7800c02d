// The hub of a federation on the bus: it says which round is open and what it begins with, and
// reads what clients say. One process at a time: each start counts up the number in the record, and
// every write stands on the revision of the last, so one that was replaced writes nothing more.
import type { FederationSpec } from '../../crds/api/federation.ts';
import { digestOf, UserError } from '../../crds/index.ts';
import type { Connection } from '../../crds/wire/connection.ts';
import type { RoundSpec, StoredObject } from '../../crds/wire/federation.ts';
import { arrangeFederation } from '../../crds/wire/federation-arrange.ts';
import {
  type ClientTurn,
  clientTurn,
  type FederationOffer,
  type HubRecord,
  hubRecord,
  hubSubjects,
  largestRecordBytes,
} from '../../crds/wire/federation-bus.ts';
import type { FederationLink } from '../../crds/wire/federation-link.ts';
import { objectsOf, receiveObject, sendObject } from './object-files.ts';
import type { StoredFederation } from './store.ts';

export class HubBus {
  readonly #link: FederationLink;
  readonly #stored: StoredFederation;
  readonly #subjects: ReturnType<typeof hubSubjects>;
  #record: HubRecord;
  #revision: number;

  private constructor(
    link: FederationLink,
    stored: StoredFederation,
    { record, revision }: { readonly record: HubRecord; readonly revision: number },
  ) {
    this.#link = link;
    this.#stored = stored;
    this.#subjects = hubSubjects(stored.record.name);
    this.#record = record;
    this.#revision = revision;
  }

  /** From here on another process of this hub writes nothing. */
  static async begin(
    connection: Connection,
    link: FederationLink,
    stored: StoredFederation,
  ): Promise<HubBus> {
    const { name, spec } = stored.record;
    await arrangeFederation(
      connection,
      name,
      spec.clients.map((client) => client.name),
    );
    const { hub } = hubSubjects(name);
    for (;;) {
      const found = await link.read(hub.read);
      const before = hubRecord.safeParse(found.value).data;
      const run = runOf(stored);
      const record: HubRecord = {
        ...{ version: 1, run, hub: (before?.hub ?? 0) + 1, state: 'Open', offer: offerOf(spec) },
        ...(before?.run === run && { round: before.round }),
      };
      const revision = await link.write(hub, record, found.revision);
      if (revision !== false) return new HubBus(link, stored, { record, revision });
    }
  }

  /** All clients may train it from now on. */
  async open(round: RoundSpec): Promise<void> {
    const objects = objectsOf(round.begins);
    for (const object of objects) await this.#send(object);
    await this.#write({ ...this.#record, round });
    await this.#removeOthers(objects);
  }

  /** Nothing more is asked of clients. */
  async close(): Promise<void> {
    await this.#write({ ...this.#record, state: 'Complete' });
  }

  /** Throws where another process is the hub by now. */
  async hold(): Promise<void> {
    const { revision } = await this.#link.read(this.#subjects.hub.read);
    if (revision !== this.#revision) throw replaced(this.#stored.record.name);
  }

  /** What the client says of this round; null where it says nothing that can be read. */
  async turnOf(client: string, round: number): Promise<ClientTurn | null> {
    const { value } = await this.#link.read(this.#subjects.turn(client).read);
    const turn = clientTurn.safeParse(value).data;
    return turn?.run === this.#record.run && turn.round === round ? turn : null;
  }

  /** Why what the client sent is not in the folder; null where it is. */
  receive(client: string, object: StoredObject): Promise<string | null> {
    const { folder } = this.#stored;
    return receiveObject(this.#link, this.#subjects.uploads(client), folder, object);
  }

  async #send(object: StoredObject): Promise<void> {
    const { objects } = this.#subjects;
    if ((await this.#link.describe(objects, object.digest)) !== null) return;
    await sendObject(this.#link, objects, this.#stored.folder, object);
  }

  /** States of earlier rounds, which nobody begins with any more. */
  async #removeOthers(kept: readonly StoredObject[]): Promise<void> {
    const { objects } = this.#subjects;
    for (const found of await this.#link.list(objects)) {
      if (!kept.some(({ digest }) => digest === found.name))
        await this.#link.remove(objects, found);
    }
  }

  async #write(record: HubRecord): Promise<void> {
    const { length } = JSON.stringify(record);
    if (length > largestRecordBytes) {
      throw new UserError({
        code: 'E_INVALID_SPEC',
        message: `the record of round ${record.round?.round} has ${length} bytes; over a bus it has at most ${largestRecordBytes}`,
        hint: 'a template with a shorter chatTemplate, or fewer rounds of FLoRA, has less',
      });
    }
    const revision = await this.#link.write(this.#subjects.hub, record, this.#revision);
    if (revision === false) throw replaced(this.#stored.record.name);
    this.#revision = revision;
    this.#record = record;
  }
}

/** Names one start of the federation: a fresh one has another, one that goes on has the same. */
function runOf({ record: { digest, createdAt, name } }: StoredFederation): string {
  return digestOf({ digest, createdAt, name }).slice(0, 16);
}

/** Of the template what decides bits; sources, images, pods and places stay with the hub. */
export function offerOf(spec: FederationSpec): FederationOffer {
  const { aggregation, rounds, weights, privacy, quorum, template } = spec;
  const {
    train: _train,
    eval: _eval,
    heldOut: _heldOut,
    maxSamples: _most,
    ...dataset
  } = template.dataset;
  const { source: _source, digest: _digest, ...model } = template.model;
  const { method, training, checkpoint, failurePolicy } = template;
  return {
    ...{ aggregation, rounds, weights, privacy, quorum },
    clients: spec.clients.map(({ name, rank, records }) => ({ name, rank, records })),
    job: { model, dataset, method, training, checkpoint, failurePolicy },
  };
}

function replaced(name: string): UserError {
  return new UserError({
    code: 'E_CONFLICT',
    message: `another process is the hub of ${name} by now; only one writes its rounds`,
    hint: 'end the other one, and start this one again',
  });
}
