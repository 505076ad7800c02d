// A port of this machine that nobody listens at, for programs that want theirs told before they
// start.
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below those that Linux gives to whoever connects or asks for any (from 32768 on): a port of these
 * would soon be taken by somebody's connection, before the program listens there.
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
