/** Sentences of real conversations, for models that read or write short texts. */
import { isProblem } from '../../worker/data/reading.ts';
import { readRecords } from '../../worker/data/records.ts';

/** As sentences of reviews are: 27 tokens on average there. */
const words = { fewest: 6, most: 48 };

/** Of a file of ShareGPT, in its order. */
export async function* sentences(file: string, signal: AbortSignal): AsyncGenerator<string> {
  for await (const reading of readRecords(file, () => {}, signal)) {
    if (isProblem(reading)) continue;
    const { conversations = [] } = reading.value as {
      readonly conversations?: readonly { readonly value?: string }[];
    };
    for (const { value = '' } of conversations) {
      for (const sentence of value.split(/(?<=[.!?])\s+/)) {
        const count = sentence.split(/\s+/).length;
        if (count >= words.fewest && count <= words.most) yield sentence;
      }
    }
  }
}
