// The body of a request, no larger than it may be.
import type { IncomingMessage } from 'node:http';

/** Undefined where it is larger: the rest is not read. */
export async function readBody(
  request: IncomingMessage,
  most: number,
): Promise<Buffer | undefined> {
  const stated = Number(request.headers['content-length'] ?? 0);
  if (stated > most) return undefined;
  const pieces: Buffer[] = [];
  let bytes = 0;
  // Leaving the loop would destroy the connection before its answer.
  const chunks = request.iterator({ destroyOnReturn: false });
  for await (const piece of chunks as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > most) return undefined;
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}
