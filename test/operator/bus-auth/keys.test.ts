import test from 'ava';
import fc from 'fast-check';
import { nkeys } from 'nats';
import { busKeys, signedClaims } from '../../../operator/bus-auth/keys.ts';

const seed = Buffer.alloc(32, 7).toString('base64');

test('the library of NATS reads the keys: an account and a user', (t) => {
  const { issuer, responder } = busKeys(seed);
  t.regex(issuer.getPublicKey(), /^A[A-Z2-7]{55}$/);
  t.regex(responder.getPublicKey(), /^U[A-Z2-7]{55}$/);
  t.regex(new TextDecoder().decode(issuer.getSeed()), /^SA[A-Z2-7]{56}$/);
});

test('any seed of enough bytes gives keys, always the same, and others for another seed', (t) => {
  const publicKeys = (bytes: Uint8Array) => {
    const { issuer, responder } = busKeys(Buffer.from(bytes).toString('base64'));
    return [issuer.getPublicKey(), responder.getPublicKey()];
  };
  const bytes = fc.uint8Array({ minLength: 32, maxLength: 64 });
  fc.assert(
    fc.property(bytes, fc.nat(31), (seed, at) => {
      const other = Uint8Array.from(seed, (byte, index) => (index === at ? byte ^ 1 : byte));
      const keys = publicKeys(seed);
      t.deepEqual(publicKeys(seed), keys);
      t.not(publicKeys(other)[0], keys[0]);
      t.not(keys[1]?.slice(1), keys[0]?.slice(1));
    }),
    { numRuns: 20 },
  );
});

test('a seed that is too short is refused in words', (t) => {
  t.throws(() => busKeys('c2hvcnQ='), { message: /has 5 bytes; it must have 32 or more/ });
});

test('claims are signed by the key that they name', (t) => {
  const { issuer } = busKeys(seed);
  const token = signedClaims({ sub: 'x', nats: { version: 2 } }, issuer);
  const [head = '', body = '', signature = ''] = token.split('.');
  const claims = JSON.parse(Buffer.from(body, 'base64url').toString());
  t.is(claims.iss, issuer.getPublicKey());
  const checked = nkeys.fromPublic(claims.iss);
  const bytes = Buffer.from(signature, 'base64url');
  t.true(checked.verify(Buffer.from(`${head}.${body}`), bytes));
  t.false(checked.verify(Buffer.from(`${head}.${body}x`), bytes));
});
