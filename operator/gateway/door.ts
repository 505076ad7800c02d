// Requests of one kind from one job. The gateway subscribes for as many messages as the job has
// credit for; the server ends the subscription after so many and drops what comes later, before it
// costs others anything. A job that floods closes its own door only.
import type { Msg, NatsConnection, Subscription } from 'nats';
import type { Clock } from '../../crds/clock.ts';
import { Credit, type CreditSettings } from './credit.ts';

export interface DoorSettings extends CreditSettings {
  readonly subject: string;
  /** Most messages that are asked for at a time: they may come before any of them is counted. */
  readonly window: number;
  /** Bytes that cost as much as a message. */
  readonly bytesPerUnit: number;
}

/** Gateways share the requests. */
const queue = 'gateway';

export class Door {
  readonly #settings: DoorSettings;
  readonly #connection: NatsConnection;
  readonly #clock: Clock;
  readonly #credit: Credit;
  readonly #answer: (message: Msg, door: Door) => void;
  readonly #open = new Set<Subscription>();
  /** Messages that the server may still send. */
  #due = 0;
  #isClosed = false;

  constructor(
    settings: DoorSettings,
    at: { readonly connection: NatsConnection; readonly clock: Clock },
    answer: (message: Msg, door: Door) => void,
  ) {
    this.#settings = settings;
    this.#connection = at.connection;
    this.#clock = at.clock;
    this.#credit = new Credit(settings, at.clock.now());
    this.#answer = answer;
    this.open();
  }

  /** Asks for more where there is credit; false where the job has to wait for it. */
  open(): boolean {
    const { subject, window } = this.#settings;
    if (this.#isClosed || this.#due > window / 2) return true;
    const affordable = Math.floor(this.#credit.left(this.#clock.now())) - this.#due;
    const max = Math.min(window - this.#due, affordable);
    if (max < 1) return this.#due > 0;
    this.#due += max;
    const subscription = this.#connection.subscribe(subject, {
      ...{ queue, max },
      callback: (error, message) => {
        if (error === null) this.#take(message);
      },
    });
    this.#open.add(subscription);
    void subscription.closed.then(() => this.#open.delete(subscription));
    return true;
  }

  /** What an answer costs beside its request. */
  charge(bytes: number): void {
    this.#credit.spend(bytes / this.#settings.bytesPerUnit);
  }

  /** After another connection nobody knows what was still to come. */
  reopen(): void {
    for (const subscription of this.#open) subscription.unsubscribe();
    this.#open.clear();
    this.#due = 0;
    this.open();
  }

  close(): void {
    this.#isClosed = true;
    for (const subscription of this.#open) subscription.unsubscribe();
  }

  #take(message: Msg): void {
    if (this.#isClosed) return;
    this.#due = Math.max(0, this.#due - 1);
    this.#credit.spend(1 + message.data.length / this.#settings.bytesPerUnit);
    this.#answer(message, this);
  }
}
