import test from 'ava';
import { TransientError, UserError } from '../../../crds/failures/errors.ts';
import { get, isTransientStatus, retryAfterMs } from '../../../worker/remote/http.ts';
import { FakeClock } from '../../doubles/clock.ts';
import { listen } from '../../doubles/http-server.ts';
import { testNetwork } from '../../doubles/sources.ts';

const never = new AbortController().signal;

const waiting = test.macro({
  title: (given = '') => given,
  exec(t, headers: Record<string, string>, expected: number | undefined) {
    t.is(retryAfterMs(new Headers(headers), new FakeClock()), expected);
  },
});
const inHalfAMinute = new Date(new FakeClock().now() + 30_000).toUTCString();
test('Retry-After in seconds', waiting, { 'retry-after': '7' }, 7000);
test('Retry-After as a date', waiting, { 'retry-after': inHalfAMinute }, 30_000);
test('Retry-After in the past is no wait', waiting, { 'retry-after': '-3' }, 0);
test('Retry-After that is no time', waiting, { 'retry-after': 'soon' }, undefined);
test(
  'A used-up rate limit tells when it is renewed',
  waiting,
  { ratelimit: '"api";r=0;t=55' },
  55_000,
);
test(
  'A rate limit that is not used up says nothing',
  waiting,
  { ratelimit: '"api";r=10;t=55' },
  undefined,
);

test('Only what waiting may cure is transient', (t) => {
  const transient = [408, 425, 429, 500, 502, 503, 504, 529];
  t.deepEqual(transient.filter(isTransientStatus), transient);
  t.deepEqual([200, 301, 400, 401, 403, 404, 416].filter(isTransientStatus), []);
});

test('A host that does not answer is transient and named', async (t) => {
  const gone = await listen(() => {});
  await gone[Symbol.asyncDispose]();
  const error = await t.throwsAsync(get(gone.origin, {}, testNetwork(), never), {
    instanceOf: TransientError,
  });
  t.is(error.message, `${new URL(gone.origin).host} does not answer (ECONNREFUSED)`);
});

test('Silence before the headers is given up', async (t) => {
  const network = testNetwork({ stallMs: 60_000 });
  await using server = await listen(() => network.clock.advance(60_000));
  const error = await t.throwsAsync(get(server.origin, {}, network, never), {
    instanceOf: TransientError,
  });
  t.regex(error.message, /^127.0.0.1:\d+ sent nothing for 60 s$/);
});

test('A certificate that is not trusted is not tried again, and the cure is named', async (t) => {
  const cause = Object.assign(new Error('self-signed certificate'), {
    code: 'DEPTH_ZERO_SELF_SIGNED_CERT',
  });
  const refusing = async () => {
    throw new TypeError('fetch failed', { cause });
  };
  const network = { ...testNetwork(), fetch: refusing };
  const error = await t.throwsAsync(get('https://hub.example/x', {}, network, never), {
    instanceOf: UserError,
  });
  t.regex(error.hint, /NODE_EXTRA_CA_CERTS/);
});

test('An abort is the reason that is thrown', async (t) => {
  const abort = new AbortController();
  await using server = await listen(() => abort.abort(new Error('enough')));
  await t.throwsAsync(get(server.origin, {}, testNetwork(), abort.signal), { message: 'enough' });
});
