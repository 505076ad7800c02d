// A free port of this machine, for programs that must be given one before they start.
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below the ephemeral ports of Linux (from 32768 on): one of those may be taken by an outgoing
 * connection before the program listens.
 */
const first = 10_240;
const end = 32_768;
const mostTries = 100;

export async function freePort(host = '127.0.0.1'): Promise<number> {
  for (let left = mostTries; ; left -= 1) {
    const port = randomInt(first, end);
    const server = createServer();
    try {
      server.listen(port, host);
      await once(server, 'listening');
      return port;
    } catch (error) {
      if (left === 1) throw error;
    } finally {
      server.close();
    }
  }
}
