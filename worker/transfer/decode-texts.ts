// Texts that end by themselves, decoded together: with a token that ends them, or at the end of a
// line.
import { setImmediate } from 'node:timers/promises';
import { pageTokens } from '../../crds/plan/serving-memory.ts';
import { peakPages } from '../decoding/admission.ts';
import { Decoder } from '../decoding/decoder.ts';
import { type Question, Sequence } from '../decoding/sequence.ts';
import type { Model } from '../engine/model.ts';
import { adapterTap } from '../serve/served-adapter.ts';

interface Options {
  /** Bytes of a token, where a line end ends a text. */
  readonly lineEndIn?: (id: number) => Uint8Array;
  readonly signal: AbortSignal;
}

/** How many texts are decoded together: results are the same only for the same together. */
export const together = 16;
const lineEnd = 10;

/** Ids of each text; null for one that did not end within its tokens. */
export async function decodeTexts(
  model: Model,
  questions: readonly Question[],
  { lineEndIn, signal }: Options,
): Promise<readonly (readonly number[] | null)[]> {
  const growths = questions.map((question) => new Sequence(question).growth);
  const pages = peakPages(growths, pageTokens);
  using decoder = new Decoder(model, { pages, tapOf: adapterTap });
  const sequences = questions.map((question) => decoder.start(question));
  const ended = new Set<Sequence>();
  while (decoder.live.length > 0) {
    for (const sequence of decoder.step()) {
      const last = sequence.made.at(-1);
      if (lineEndIn === undefined || last === undefined) continue;
      if (!lineEndIn(last).includes(lineEnd)) continue;
      ended.add(sequence);
      if (sequence.end === undefined) decoder.drop(sequence);
    }
    // A request to stop is received here.
    await setImmediate();
    signal.throwIfAborted();
  }
  return sequences.map((one) => (one.end === 'Stop' || ended.has(one) ? one.made : null));
}
