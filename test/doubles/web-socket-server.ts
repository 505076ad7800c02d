// The server's end of one web socket: enough of RFC 6455 for short binary messages in one frame
// each.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';

const magic = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

export interface OneSocket {
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  /** Binary messages of the client, in order; ends when it closes. */
  readonly messages: AsyncGenerator<Buffer>;
  send(message: Buffer): void;
  close(): void;
}

export async function webSocketServer(accept: (socket: OneSocket) => void) {
  const server = createServer();
  server.on('upgrade', (request: IncomingMessage, stream: Duplex) => {
    const key = request.headers['sec-websocket-key'];
    const [protocol = ''] = (request.headers['sec-websocket-protocol'] ?? '').split(',');
    const answer = createHash('sha1').update(`${key}${magic}`).digest('base64');
    const lines = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade'];
    lines.push(`Sec-WebSocket-Accept: ${answer}`, `Sec-WebSocket-Protocol: ${protocol}`, '', '');
    stream.write(lines.join('\r\n'));
    stream.on('error', () => stream.destroy());
    accept({
      path: request.url ?? '',
      headers: request.headers,
      messages: messagesIn(stream),
      send: (message) =>
        void stream.write(Buffer.concat([Buffer.of(0x82, message.length), message])),
      close: () => void stream.end(Buffer.of(0x88, 0)),
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Messages are shorter than 126 bytes; what a client sends is masked. */
async function* messagesIn(stream: Duplex): AsyncGenerator<Buffer> {
  let rest = Buffer.alloc(0);
  for await (const chunk of stream) {
    rest = Buffer.concat([rest, chunk as Buffer]);
    for (;;) {
      const length = (rest[1] ?? 0) & 0x7f;
      if (rest.length < 6 + length || rest.length < 2) break;
      const mask = rest.subarray(2, 6);
      const payload = rest.subarray(6, 6 + length).map((byte, at) => byte ^ (mask[at % 4] ?? 0));
      const isClose = ((rest[0] ?? 0) & 0x0f) === 8;
      rest = rest.subarray(6 + length);
      if (isClose) return;
      yield Buffer.from(payload);
    }
  }
}
