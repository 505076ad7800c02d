// A server on a free port of this machine that ends with its test, on 127.0.0.1 unless pods of a
// test cluster are to reach it, and the sending of a body with ranges and faults.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { BodyFault, WriteFault } from './faults.ts';

export interface Listening extends AsyncDisposable {
  readonly origin: string;
}

/** Where it listens, and the name that others call it by. */
export interface Place {
  readonly address: string;
  readonly name: string;
}

export const loopback: Place = { address: '127.0.0.1', name: '127.0.0.1' };

export async function listen(
  answer: (request: IncomingMessage, response: ServerResponse) => Promise<void> | void,
  { address, name }: Place = loopback,
): Promise<Listening> {
  const server = createServer((request, response) => {
    // A client that leaves in the middle is part of the tests.
    Promise.resolve(answer(request, response)).catch(() => response.destroy());
  });
  // A connection that rests for long, on a busy machine, is no fault that was asked for.
  server.keepAliveTimeout = 0;
  server.listen(0, address);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://${name}:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** The body of a request; undefined where the connection was ended in its middle. */
export async function receive(
  request: IncomingMessage,
  fault: WriteFault | undefined,
): Promise<Buffer | undefined> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of request) {
    pieces.push(piece as Buffer);
    bytes += (piece as Buffer).length;
    if (fault?.type === 'CutBody' && bytes >= fault.afterBytes) {
      request.socket.resetAndDestroy();
      return undefined;
    }
  }
  return Buffer.concat(pieces);
}

export const chunkBytes = 64 * 1024;

/** Sends the range that was asked; `seen.bytes` counts what was handed out. */
export async function sendBytes(
  content: Uint8Array,
  seen: { readonly method: string; readonly range: string | undefined; bytes: number },
  response: ServerResponse,
  fault: BodyFault | undefined,
): Promise<void> {
  const asked = /^bytes=(\d+)-(\d*)$/.exec(seen.range ?? '');
  const ignored = fault?.type === 'IgnoreRange';
  const begin = asked && !ignored ? Number(asked[1]) : 0;
  const end = asked?.[2] && !ignored ? Number(asked[2]) + 1 : content.length;
  const until = Math.min(end, content.length);
  if (asked && !ignored && begin >= content.length) {
    response.writeHead(416, { 'content-range': `bytes */${content.length}` }).end();
    return;
  }
  response.setHeader('content-length', until - begin);
  if (asked && !ignored) {
    response.setHeader('content-range', `bytes ${begin}-${until - 1}/${content.length}`);
    response.statusCode = 206;
  }
  if (seen.method === 'HEAD') {
    response.end();
    return;
  }
  const body = Buffer.from(content.subarray(begin, until));
  if (fault?.type === 'Corrupt' && body.length > 0) body[0] = (body[0] ?? 0) ^ 1;
  response.flushHeaders();
  if (fault?.type === 'Held') await fault.until;
  // Who waited in vain has left.
  if (response.destroyed) return;
  const limit = fault?.type === 'Cut' || fault?.type === 'Stall' ? fault.afterBytes : body.length;
  for (let at = 0; at < Math.min(limit, body.length); at += chunkBytes) {
    const chunk = body.subarray(at, Math.min(at + chunkBytes, limit));
    seen.bytes += chunk.length;
    if (!response.write(chunk)) await drained(response);
  }
  if (limit >= body.length) response.end();
  else if (fault?.type === 'Stall') fault.reached();
  else cut(response);
}

/** Ends the connection short of what was promised. Bytes on their way still arrive. */
function cut(response: ServerResponse): void {
  response.socket?.end();
}

async function drained(response: ServerResponse): Promise<void> {
  const left = new AbortController();
  const leave = () => left.abort(new Error('the client left'));
  response.once('close', leave);
  try {
    await once(response, 'drain', { signal: left.signal });
  } finally {
    response.off('close', leave);
  }
}
