import test from 'ava';
import type { Msg, NatsConnection } from 'nats';
import { Door } from '../../../operator/gateway/door.ts';
import { FakeClock } from '../../doubles/clock.ts';

/** A server that counts what it may still send; `send` says whether it did. */
function aServer() {
  const open: { left: number; take: (message: Msg) => void; end: () => void }[] = [];
  const subscribe = (
    _: string,
    { max, callback }: { max: number; callback: (error: null, message: Msg) => void },
  ) => {
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    const one = { left: max, take: (message: Msg) => callback(null, message), end: resolve };
    open.push(one);
    const unsubscribe = () => {
      one.left = 0;
    };
    return { closed, unsubscribe };
  };
  return {
    connection: { subscribe } as unknown as NatsConnection,
    due: () => open.reduce((sum, { left }) => sum + left, 0),
    send(bytes = 0): boolean {
      const one = open.find(({ left }) => left > 0);
      if (one === undefined) return false;
      one.left -= 1;
      one.take({ data: new Uint8Array(bytes) } as Msg);
      return true;
    },
  };
}

const settings = { subject: 's', window: 16, perSecond: 10, burst: 40, bytesPerUnit: 100 };

function aDoor() {
  const server = aServer();
  const clock = new FakeClock();
  const answered: Msg[] = [];
  const closedFor: Door[] = [];
  const door = new Door(settings, { connection: server.connection, clock }, (message, door) => {
    answered.push(message);
    if (!door.open()) closedFor.push(door);
  });
  return { server, clock, door, answered, closedFor };
}

test('no more is asked for than the window, and no more is taken than the credit', (t) => {
  const { server, answered, closedFor } = aDoor();
  t.is(server.due(), 16);
  while (server.send()) t.true(server.due() <= 16);
  t.is(answered.length, 40);
  t.is(closedFor.length, 1, 'then the door is closed');
});

test('a closed door opens when there is credit again', async (t) => {
  const { server, clock, door } = aDoor();
  while (server.send());
  t.false(door.open());
  await clock.advance(1_000);
  t.true(door.open());
  t.is(server.due(), 10);
});

test('large messages and large answers cost more', (t) => {
  const { server, door, answered } = aDoor();
  server.send(2_000);
  door.charge(500);
  while (server.send());
  // Those that were asked for before still come.
  t.true(answered.length < 40 - 20);
});

test('after another connection the window begins anew; a door that is closed for good takes nothing', (t) => {
  const { server, door, answered } = aDoor();
  server.send();
  door.reopen();
  t.is(server.due(), 16);
  door.close();
  t.false(server.send());
  t.is(answered.length, 1);
});
