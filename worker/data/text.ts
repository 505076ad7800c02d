// Plain text: a file is one document. A long file is split near every mebibyte, at a blank line or
// a line end, so that memory is bounded; tokens are divided into sequences later anyway.
import type { Reading } from './reading.ts';

const pieceCharacters = 1024 * 1024;

export async function* readText(
  chunks: AsyncIterable<Buffer>,
  maxCharacters: number = pieceCharacters,
): AsyncGenerator<Reading> {
  const utf8 = new TextDecoder('utf-8', { fatal: true });
  let line = 1;
  let held = '';
  const take = (length: number): Reading => {
    const piece = { line, value: { text: held.slice(0, length) } };
    for (let at = held.indexOf('\n'); at >= 0 && at < length; at = held.indexOf('\n', at + 1)) {
      line += 1;
    }
    held = held.slice(length);
    return piece;
  };
  try {
    for await (const chunk of chunks) {
      held += utf8.decode(chunk, { stream: true });
      while (held.length > maxCharacters) yield take(cutBefore(held, maxCharacters));
    }
    held += utf8.decode();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    yield { line, problem: 'starts text that is not UTF-8', ends: true };
    return;
  }
  if (held.trim() !== '') yield take(held.length);
}

/** Length to split off: after a blank line, a line end, or between two characters. */
function cutBefore(text: string, limit: number): number {
  for (const end of ['\n\n', '\n']) {
    const at = text.lastIndexOf(end, limit - end.length);
    if (at > 0) return at + end.length;
  }
  const code = text.charCodeAt(limit - 1);
  const splitsPair = code >= 0xd800 && code < 0xdc00 && limit > 1;
  return splitsPair ? limit - 1 : limit;
}
