import test from 'ava';
import { Bearers, operatorAudience, Refused } from '../../../operator/bus-auth/bearer.ts';
import { FakeClock } from '../../doubles/clock.ts';
import { aToken, type Review, reviewer } from '../../doubles/token-reviewer.ts';

const operatorAccount = 'anneal-system:anneal-operator';
const uid = '0a1b2c3d-0000-4000-8000-000000000001';
const audience = `anneal.dev/team-a/first/${uid}`;
const podUid = '0b0b0b0b-0000-4000-8000-000000000001';
const hour = 3600;

function bearers(answer: Review | undefined, clock = new FakeClock()) {
  const server = reviewer(answer);
  return { server, asked: new Bearers({ transport: server, clock, operatorAccount }) };
}

const signal = new AbortController().signal;
const good: Review = {
  authenticated: true,
  audiences: [audience],
  username: 'system:serviceaccount:team-a:default',
  pod: { name: 'first-w2-13-x7k2p', uid: podUid },
};

test('a pod is the job of its audience, in the namespace of its account', async (t) => {
  const { asked, server } = bearers(good);
  const bearer = await asked.bearerOf(aToken({ aud: [audience], exp: hour }), signal);
  t.deepEqual(bearer, {
    type: 'Job',
    job: { namespace: 'team-a', uid },
    ...{ pod: podUid, index: 13 },
    expiresAt: hour * 1000,
  });
  t.deepEqual(server.asked, [[audience]]);
});

test('the operator is known by its account, not by its audience alone', async (t) => {
  const token = aToken({ aud: [operatorAudience], exp: hour });
  const review = (username: string): Review => ({
    ...{ authenticated: true, audiences: [operatorAudience] },
    username: `system:serviceaccount:${username}`,
  });
  const itself = await bearers(review(operatorAccount)).asked.bearerOf(token, signal);
  t.is(itself.type, 'Operator');
  const other = bearers(review('team-a:default')).asked.bearerOf(token, signal);
  await t.throwsAsync(other, { instanceOf: Refused, message: /is not the operator/ });
});

test('only a pod of the worker Job of that very job is a worker', async (t) => {
  for (const name of ['first-init-1-abcde', 'first-publish-2-abcde', 'second-w1-0-abcde', 'x']) {
    const { asked } = bearers({ ...good, pod: { name, uid: podUid } });
    const bearer = await asked.bearerOf(aToken({ aud: [audience], exp: hour }), signal);
    t.like(bearer, { type: 'Job', pod: podUid, index: undefined }, name);
  }
});

test('a token that was good a moment ago is not asked about again', async (t) => {
  const clock = new FakeClock();
  const { asked, server } = bearers(good, clock);
  const token = aToken({ aud: [audience], exp: Math.floor(clock.now() / 1000) + hour });
  for (let round = 0; round < 5; round += 1) await asked.bearerOf(token, signal);
  t.is(server.asked.length, 1);
  clock.advance(11_000);
  await asked.bearerOf(token, signal);
  t.is(server.asked.length, 2);
});

const refused: readonly (readonly [string, Review, string, RegExp])[] = [
  [
    'an account of another namespace',
    { ...good, username: 'system:serviceaccount:team-b:default' },
    audience,
    /an account of team-b asks for a job of team-a/,
  ],
  ['a token that is not known', { ...good, authenticated: false }, audience, /does not know/],
  ['another audience than was asked', { ...good, audiences: ['x'] }, audience, /does not know/],
  ['a person', { ...good, username: 'alice' }, audience, /is no service account/],
  [
    'a star in place of a job',
    { ...good, audiences: ['anneal.dev/team-a/first/*'] },
    'anneal.dev/team-a/first/*',
    /names no job/,
  ],
  [
    'a dot in place of a job',
    { ...good, audiences: [`anneal.dev/team-a/first/${uid}.>`] },
    `anneal.dev/team-a/first/${uid}.>`,
    /names no job/,
  ],
  [
    'a token that is bound to no pod',
    { authenticated: true, audiences: [audience], username: good.username },
    audience,
    /is bound to no pod/,
  ],
  ['an audience of somebody else', good, 'vault', /is not for the bus/],
];

for (const [title, review, aud, message] of refused) {
  test(`${title} is refused`, async (t) => {
    const { asked } = bearers(review);
    const answer = asked.bearerOf(aToken({ aud: [aud], exp: hour }), signal);
    await t.throwsAsync(answer, { instanceOf: Refused, message });
  });
}

test('what is no token is refused without asking anybody', async (t) => {
  const { asked, server } = bearers(good);
  for (const text of ['', 'abc', 'a.b.c', aToken({ aud: [audience] })]) {
    await t.throwsAsync(asked.bearerOf(text, signal), { instanceOf: Refused });
  }
  t.is(server.asked.length, 0);
});

test('while the API server is away, a token that was good stays good until it expires', async (t) => {
  const clock = new FakeClock();
  const { asked, server } = bearers(good, clock);
  const exp = Math.floor(clock.now() / 1000) + hour;
  const token = aToken({ aud: [audience], exp });
  const unseen = aToken({ aud: [audience], exp: exp + 1 });
  await asked.bearerOf(token, signal);
  server.answer = undefined;
  t.is((await asked.bearerOf(token, signal)).type, 'Job');
  await t.throwsAsync(asked.bearerOf(unseen, signal), { message: /no answer/ });
  clock.advance((hour + 1) * 1000);
  await t.throwsAsync(asked.bearerOf(token, signal), { message: /no answer/ });
});

test('a token that the API server has withdrawn is forgotten', async (t) => {
  const clock = new FakeClock();
  const { asked, server } = bearers(good, clock);
  const token = aToken({ aud: [audience], exp: Math.floor(clock.now() / 1000) + hour });
  await asked.bearerOf(token, signal);
  server.answer = { ...good, authenticated: false };
  clock.advance(11_000);
  await t.throwsAsync(asked.bearerOf(token, signal), { instanceOf: Refused });
  server.answer = undefined;
  await t.throwsAsync(asked.bearerOf(token, signal), { message: /no answer/ });
});
