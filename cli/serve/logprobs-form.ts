// Log probabilities in the two forms of OpenAI's API. Pure.
import type { ServedToken } from '../../crds/serve/messages.ts';

/** Of completions: a list for each thing to know. */
export function textLogprobs(tokens: readonly ServedToken[]) {
  return {
    tokens: tokens.map(({ bytes }) => nameOf(bytes)),
    token_logprobs: tokens.map(({ logprob }) => logprob),
    top_logprobs: tokens.map(likeliest),
    text_offset: tokens.map(({ at }) => at),
  };
}

/** Of chats: an entry for each token. */
export function chatLogprobs(tokens: readonly ServedToken[]) {
  const content = tokens.map(({ bytes, logprob, top }) => ({
    ...entryOf(bytes, logprob),
    top_logprobs: top.map((one) => entryOf(one.bytes, one.logprob)),
  }));
  return { content, refusal: null };
}

/**
 * With the token itself, which may be beside the likeliest; null for one that follows nothing. Of
 * two tokens that spell the same, the likelier one has the name.
 */
function likeliest({ bytes, logprob, top }: ServedToken): Record<string, number> | null {
  if (logprob === null) return null;
  const named = new Map<string, number>();
  for (const one of [...top, { bytes, logprob }]) {
    const name = nameOf(one.bytes);
    if (!named.has(name)) named.set(name, one.logprob);
  }
  return Object.fromEntries(named);
}

function entryOf(bytes: string, logprob: number | null) {
  return { token: nameOf(bytes), logprob, bytes: [...Buffer.from(bytes, 'latin1')] };
}

/** What a token spells; where that is no whole text, its bytes as OpenAI writes them. */
function nameOf(bytes: string): string {
  const own = Buffer.from(bytes, 'latin1');
  const text = own.toString('utf8');
  if (Buffer.from(text, 'utf8').equals(own)) return text;
  return `bytes:${[...own].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')}`;
}
