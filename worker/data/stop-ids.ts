import type { Tokenizer } from './tokenizer.ts';

/** Tokens that end an answer: the end token, and those with which chat templates close a turn. */
export function stopIds(tokenizer: Tokenizer): ReadonlySet<number> {
  const ids = tokenizer.specialTexts
    .filter((text) => /end|eot|eos|<\/s>/i.test(text))
    .flatMap((text) => {
      const [id, ...more] = tokenizer.encode(text);
      return id === undefined || more.length > 0 ? [] : [id];
    });
  return new Set(tokenizer.eos === undefined ? ids : [tokenizer.eos, ...ids]);
}
