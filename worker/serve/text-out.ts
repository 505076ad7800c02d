// Text of tokens as they come: whole characters only, and nothing of a stop string. What may be the
// beginning of one is held back until the next tokens decide.
import { StringDecoder } from 'node:string_decoder';

export class TextOut {
  readonly #bytesOf: (id: number) => Uint8Array;
  readonly #stops: readonly string[];
  readonly #decoder = new StringDecoder('utf8');
  #held = '';
  #isOver = false;

  constructor(bytesOf: (id: number) => Uint8Array, stops: readonly string[]) {
    this.#bytesOf = bytesOf;
    this.#stops = stops;
  }

  /** Whether a stop string came. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** What can be said after this token. */
  add(id: number): string {
    return this.#say(this.#decoder.write(Buffer.from(this.#bytesOf(id))), false);
  }

  /** What is left when no token follows. */
  end(): string {
    return this.#say(this.#decoder.end(), true);
  }

  #say(more: string, isLast: boolean): string {
    if (this.#isOver) return '';
    const text = this.#held + more;
    const found = this.#stops.map((stop) => text.indexOf(stop)).filter((at) => at >= 0);
    if (found.length > 0) {
      this.#isOver = true;
      return text.slice(0, Math.min(...found));
    }
    const held = isLast ? 0 : Math.max(0, ...this.#stops.map((stop) => overlap(text, stop)));
    this.#held = text.slice(text.length - held);
    return text.slice(0, text.length - held);
  }
}

/** Length of the longest end of `text` that `stop` begins with. */
function overlap(text: string, stop: string): number {
  for (let length = Math.min(text.length, stop.length - 1); length > 0; length -= 1) {
    if (stop.startsWith(text.slice(text.length - length))) return length;
  }
  return 0;
}
