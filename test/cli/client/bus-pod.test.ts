import test from 'ava';
import { readyBusPod, requireForward } from '../../../cli/client/bus-pod.ts';
import { Kube } from '../../../cli/client/kube.ts';
import { type Asked, KubeServer } from '../../doubles/kube/server.ts';

const never = new AbortController().signal;
const where = { systemNamespace: 'anneal-system', release: 'anneal' };
const forbidden = { status: 403, body: { message: 'pods is forbidden' } };
const aPod = (name: string, ready: boolean) => ({
  metadata: { name, namespace: 'anneal-system' },
  status: { conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
});

async function aServer(answer: (asked: Asked) => ReturnType<KubeServer['intercept']>) {
  const server = await KubeServer.start();
  server.intercept = answer;
  const kube = new Kube(
    {
      ...{ contextName: 'prod', namespace: 'team-a', server: server.origin },
      authorize: async () => ({}),
    },
    60_000,
  );
  return {
    kube,
    async [Symbol.asyncDispose]() {
      await kube[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

const nameOf = (path: string) => path.split('/pods/')[1] ?? '';
const ok = (body: object) => ({ status: 200, body: { ...body } });

test('whoever may list the pods finds the ready one by its labels', async (t) => {
  await using at = await aServer(() =>
    ok({ metadata: {}, items: [aPod('bus-1', false), aPod('bus-2', true)] }),
  );
  t.is((await readyBusPod(at.kube, where, never)).name, 'bus-2');
});

test('whoever may only read these pods finds it by their names', async (t) => {
  await using at = await aServer(({ path }) => {
    const name = nameOf(path);
    if (name === 'prod-anneal-nats-0') return { status: 404, body: { reason: 'NotFound' } };
    if (name === 'prod-anneal-nats-1') return ok(aPod(name, false));
    return name === 'prod-anneal-nats-2' ? ok(aPod(name, true)) : forbidden;
  });
  const found = await readyBusPod(at.kube, { ...where, release: 'prod' }, never);
  t.is(found.name, 'prod-anneal-nats-2');
});

test('a right that is missing is named, with the value of the chart that gives it', async (t) => {
  await using none = await aServer(() => forbidden);
  const error = await t.throwsAsync(() => readyBusPod(none.kube, where, never), {
    code: 'E_NOT_PERMITTED',
  });
  t.is(
    error?.message,
    'live numbers need the right to get pod anneal-nats-0 in anneal-system, which you do not have; the value liveNumbers.subjects of the chart gives it',
  );
  await using reading = await aServer(() => ok({ status: { allowed: false } }));
  const pod = { namespace: 'anneal-system', name: 'anneal-nats-0' };
  await t.throwsAsync(() => requireForward(reading.kube, pod, never), {
    message:
      /^live numbers need the right to forward a port to pod anneal-nats-0 in anneal-system /,
  });
});

test('one of both verbs is enough, and a server that answers no question is tried', async (t) => {
  const pod = { namespace: 'anneal-system', name: 'anneal-nats-0' };
  await using old = await aServer(({ body }) => {
    const { verb } = (body as { spec: { resourceAttributes: { verb: string } } }).spec
      .resourceAttributes;
    return ok({ status: { allowed: verb === 'create' } });
  });
  await t.notThrowsAsync(() => requireForward(old.kube, pod, never));
  await using mute = await aServer(() => forbidden);
  await t.notThrowsAsync(() => requireForward(mute.kube, pod, never));
});
