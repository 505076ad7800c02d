import { once } from 'node:events';
import { connect } from 'node:net';
import test from 'ava';
import { Kube } from '../../../cli/client/kube.ts';
import type { KubeAccess } from '../../../cli/client/kubeconfig.ts';
import { openTunnel } from '../../../cli/client/tunnel.ts';
import { type OneSocket, webSocketServer } from '../../doubles/web-socket-server.ts';

async function aTunnel() {
  const { promise: accepted, resolve } = Promise.withResolvers<OneSocket>();
  const server = await webSocketServer(resolve);
  const access: KubeAccess = {
    ...{ contextName: 'prod', namespace: 'team-a', server: server.origin },
    authorize: async () => ({ headers: { Authorization: 'Bearer secret' } }),
  };
  const kube = new Kube(access, 5_000);
  const find = async () => ({ namespace: 'anneal-system', name: 'nats-0' });
  const tunnel = await openTunnel(kube, find, 4222);
  const here = connect(tunnel.port, '127.0.0.1');
  return {
    here,
    there: await accepted,
    async [Symbol.asyncDispose]() {
      here.destroy();
      await tunnel[Symbol.asyncDispose]();
      await kube[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

const data = (text: string) => Buffer.concat([Buffer.of(0), Buffer.from(text)]);
const portOf = (channel: number) => Buffer.of(channel, 0x7e, 0x10);

test('bytes go to the port of the pod and come back, without the channel and without the number of the port', async (t) => {
  await using at = await aTunnel();
  t.is(at.there.path, '/api/v1/namespaces/anneal-system/pods/nats-0/portforward?ports=4222');
  t.is(at.there.headers.authorization, 'Bearer secret');
  at.there.send(portOf(0));
  at.there.send(portOf(1));
  at.there.send(data('INFO\r\n'));
  t.is(String(await once(at.here, 'data')), 'INFO\r\n');
  at.here.write('CONNECT\r\n');
  const { value } = await at.there.messages.next();
  t.deepEqual(value, data('CONNECT\r\n'));
});

test('a pod that goes away closes the connection here, and so does an error message', async (t) => {
  for (const end of [
    ({ there }: Awaited<ReturnType<typeof aTunnel>>) => there.close(),
    ({ there }: Awaited<ReturnType<typeof aTunnel>>) => {
      there.send(portOf(1));
      there.send(Buffer.concat([Buffer.of(1), Buffer.from('connection refused')]));
    },
  ]) {
    await using at = await aTunnel();
    at.here.resume();
    const closed = once(at.here, 'close');
    end(at);
    await closed;
    t.true(at.here.destroyed);
  }
});

test('leaving here ends the connection there', async (t) => {
  await using at = await aTunnel();
  at.here.end();
  at.here.destroy();
  t.true((await at.there.messages.next()).done);
});
