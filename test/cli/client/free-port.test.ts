import { once } from 'node:events';
import { createServer } from 'node:net';
import test from 'ava';
import { freePort } from '../../../cli/client/free-port.ts';

test('somebody can listen at it, and it is none that connections are given', async (t) => {
  const port = await freePort();
  t.true(port >= 10_240 && port < 32_768, String(port));
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  server.close();
});

test('an address that this machine does not have is an error, not a hang', async (t) => {
  await t.throwsAsync(freePort('192.0.2.1'), { code: 'EADDRNOTAVAIL' });
});
