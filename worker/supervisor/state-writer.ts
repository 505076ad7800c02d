// Carries decisions to the bus. Each write names the revision that it was decided on; one that lost
// reads what won, and the supervisor decides again. An answer that was lost is no harm either: the
// next look shows whether the write is there.

import { digestOf } from '../../crds/plan/digest.ts';
import { protocol } from '../../crds/wire/pod.ts';
import type { MemberRecord, StateRecord } from '../../crds/wire/state.ts';
import { type AckRecord, ackRecord } from '../../crds/wire/state.ts';
import { keys } from '../../crds/wire/subjects.ts';
import type { BusLink } from './bus-link.ts';
import type { PodConfig } from './config.ts';
import { memberKey } from './records.ts';
import { type FoundMember, withWorld, worldOf } from './state-changes.ts';

export class StateWriter {
  readonly #link: BusLink;
  readonly #config: PodConfig;

  constructor(link: BusLink, config: PodConfig) {
    this.#link = link;
    this.#config = config;
  }

  /** Whether the record is now as `change` made it from the one that is known. */
  async changeState(change: (state: StateRecord) => StateRecord): Promise<boolean> {
    const known = this.#link.records.state;
    if (known === undefined) return false;
    return this.#write(keys.state(this.#config.job), change(known.record), known.revision);
  }

  async join(
    round: number,
    over: number | undefined,
    own: Pick<MemberRecord, 'bootAt' | 'devices' | 'copies' | 'copyPort'>,
  ): Promise<boolean> {
    const { job, pod, storePort } = this.#config;
    const key = keys.member(job, round, pod.index);
    const record: MemberRecord = {
      v: 1,
      podUID: pod.uid,
      podIP: pod.ip,
      port: storePort,
      node: pod.node,
      ...own,
      protocol: [protocol.oldest, protocol.newest],
    };
    return this.#write(key, record, over);
  }

  /**
   * First the list of members under a key of its own, then its digest into the record: a leader
   * that dies between leaves a stray key.
   */
  async commitWorld(members: readonly FoundMember[], at: string): Promise<boolean> {
    const { job, pod } = this.#config;
    const { bus } = this.#link;
    const state = this.#link.records.state?.record;
    if (bus === undefined || state === undefined) return false;
    const { round, checkpoint } = state;
    const list = worldOf(members, checkpoint);
    const key = keys.world(job, round, pod.index);
    this.#link.wrote({ key, value: list, revision: await bus.put(key, list) });
    const world = { key, digest: digestOf(list), size: members.length };
    return this.changeState((known) => withWorld(known, world, at));
  }

  async acknowledge(round: number, change: Partial<AckRecord>): Promise<boolean> {
    const { job, pod } = this.#config;
    const known = this.#link.records.acks.get(memberKey(round, pod.index));
    const before = known?.record.podUID === pod.uid ? known.record : undefined;
    const record = ackRecord.parse({ ...before, v: 1, podUID: pod.uid, ...change });
    return this.#write(keys.ack(job, round, pod.index), record, known?.revision);
  }

  async #write(key: string, value: object, over: number | undefined): Promise<boolean> {
    const { bus } = this.#link;
    if (bus === undefined) return false;
    const revision = await (over === undefined
      ? bus.create(key, value)
      : bus.update(key, value, over));
    if (revision === false) await this.#link.readAgain(key);
    else this.#link.wrote({ key, value, revision });
    return revision !== false;
  }
}
