import type { ServerResponse } from 'node:http';

/** A whole answer as JSON. */
export function send(response: ServerResponse, status: number, body: object): void {
  const bytes = Buffer.from(JSON.stringify(body));
  // Of a body that was not read to its end, nothing more is wanted.
  const isWhole = response.req.complete;
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': bytes.length,
    ...(isWhole ? {} : { connection: 'close' }),
  });
  response.end(bytes);
}
