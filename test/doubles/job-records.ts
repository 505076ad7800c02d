// The records of one job on a bus, as the operator reads and writes them.
import type { Bucket } from '../../crds/wire/bucket.ts';
import type { Bus } from '../../crds/wire/bus.ts';
import {
  type AckRecord,
  ackRecord,
  type DesiredRecord,
  type StateRecord,
  stateRecord,
} from '../../crds/wire/state.ts';
import { type JobOnBus, keys } from '../../crds/wire/subjects.ts';
import { records } from './nats-server.ts';

export class JobRecords {
  readonly #bus: Bus;
  readonly #job: JobOnBus;

  constructor(bus: Bus, job: JobOnBus) {
    this.#bus = bus;
    this.#job = job;
  }

  bucket(): Promise<Bucket> {
    return records(this.#bus);
  }

  /** Pods may speak of the job. */
  async admit(workers = 1): Promise<void> {
    await (await this.bucket()).put(keys.job(this.#job), { v: 1, name: 'first', workers });
  }

  async state(): Promise<StateRecord> {
    const entry = await (await this.bucket()).get(keys.state(this.#job));
    return stateRecord.parse(entry?.value);
  }

  /** Undefined until the pod of this index has acknowledged something. */
  async ack(round: number, index: number): Promise<AckRecord | undefined> {
    const entry = await (await this.bucket()).get(keys.ack(this.#job, round, index));
    return ackRecord.safeParse(entry?.value).data;
  }

  async want(desired: DesiredRecord): Promise<void> {
    await (await this.bucket()).put(keys.desired(this.#job), desired);
  }
}
