// What `--stats` says: how fast answers begin and go on, since the last line and in all. It listens
// to what the HTTP side and the process that holds the model say to each other.
import type { ServeMessage, ServeNumbers, ServeOrder } from '../../crds/serve/messages.ts';
import { count } from '../terminal/numbers.ts';

interface Span {
  /** Milliseconds in which there was something to answer. */
  busy: number;
  /** Tokens made. */
  made: number;
  answers: number;
  readonly first: { sum: number; count: number; least: number; most: number };
}

interface Asked {
  readonly at: number;
  hasText: boolean;
}

const span = (): Span => ({
  ...{ busy: 0, made: 0, answers: 0 },
  first: { sum: 0, count: 0, least: Number.POSITIVE_INFINITY, most: 0 },
});

export class ServeSpeed {
  /** Milliseconds; only differences mean something. */
  readonly #now: () => number;
  readonly #open = new Map<number, Asked>();
  readonly #all = span();
  #recent = span();
  #numbers: Pick<ServeNumbers, 'made' | 'decoding' | 'waiting'> = {
    ...{ made: 0, decoding: 0, waiting: 0 },
  };
  #seen: number;

  constructor(now: () => number) {
    this.#now = now;
    this.#seen = now();
  }

  asked(order: ServeOrder): void {
    const at = this.#pass();
    if (order.serve === 'Ask') this.#open.set(order.id, { at, hasText: false });
    else this.#open.delete(order.id);
  }

  heard(message: ServeMessage): void {
    const at = this.#pass();
    if (message.serve === 'Refused') this.#open.delete(message.id);
    if (message.serve !== 'Step') return;
    const { texts, ends, numbers } = message;
    for (const { id } of texts) this.#began(id, at);
    for (const { id } of ends) this.#open.delete(id);
    this.#add((one) => {
      one.made += numbers.made - this.#numbers.made;
      one.answers += ends.length;
    });
    this.#numbers = numbers;
  }

  /** Since the last one; undefined where there was nothing to answer. */
  line(): string | undefined {
    this.#pass();
    const recent = this.#recent;
    this.#recent = span();
    if (recent.busy === 0) return undefined;
    const { decoding, waiting } = this.#numbers;
    return [...facts(recent), `${count(decoding)} decoding`, `${count(waiting)} waiting`].join(
      ', ',
    );
  }

  /** From the start on; undefined where nothing was asked. */
  total(): string | undefined {
    this.#pass();
    const { busy, made } = this.#all;
    if (busy === 0) return undefined;
    return `in all ${facts(this.#all).join(', ')}, ${count(made)} tokens in ${secondsOf(busy)}`;
  }

  #began(id: number, at: number): void {
    const asked = this.#open.get(id);
    if (asked === undefined || asked.hasText) return;
    asked.hasText = true;
    const took = at - asked.at;
    this.#add(({ first }) => {
      first.sum += took;
      first.count += 1;
      first.least = Math.min(first.least, took);
      first.most = Math.max(first.most, took);
    });
  }

  /** Counts the time until now, and returns it. */
  #pass(): number {
    const now = this.#now();
    const passed = this.#open.size > 0 ? now - this.#seen : 0;
    this.#add((one) => {
      one.busy += passed;
    });
    this.#seen = now;
    return now;
  }

  #add(to: (one: Span) => void): void {
    to(this.#all);
    to(this.#recent);
  }
}

function facts({ busy, made, answers, first }: Span): readonly string[] {
  const { sum, count: firsts, least, most } = first;
  const range = `(${inSeconds(least)}–${inSeconds(most)})`;
  return [
    `${((1000 * made) / busy).toFixed(1)} tokens/s`,
    ...(firsts === 0 ? [] : [`first token ${secondsOf(sum / firsts)} ${range}`]),
    `${count(answers)} ${answers === 1 ? 'answer' : 'answers'}`,
  ];
}

function secondsOf(ms: number): string {
  return `${inSeconds(ms)} s`;
}

function inSeconds(ms: number): string {
  return (ms / 1000).toFixed(2);
}
