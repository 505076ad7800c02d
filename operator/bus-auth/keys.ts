// The keys of the bus, all from one random seed, so that the site has one secret: the account key
// that signs who a connection is, and the user keys by which responder and gateway themselves
// connect. Servers know the public halves only.
import { createHash, hkdfSync } from 'node:crypto';
import { nkeys } from 'nats';
import { UserError } from '../../crds/failures/errors.ts';

type KeyPair = ReturnType<typeof nkeys.fromSeed>;

export interface BusKeys {
  /** Signs answers; servers believe what it signed. */
  readonly issuer: KeyPair;
  /** The responder's own user. */
  readonly responder: KeyPair;
  /** Users of the gateway: where things are stored, and where pods and people are. */
  readonly store: KeyPair;
  readonly counter: KeyPair;
}

const leastBytes = 32;
/** First bytes of an encoded key: what it is, and whose. */
const prefix = { seed: 18 << 3, account: 0, user: 20 << 3 } as const;

export function busKeys(seed: string): BusKeys {
  const bytes = Buffer.from(seed, 'base64');
  if (bytes.length < leastBytes) {
    throw new UserError({
      code: 'E_USAGE',
      message: `the seed of the bus has ${bytes.length} bytes; it must have ${leastBytes} or more, in base64`,
      hint: 'openssl rand -base64 32 makes one',
    });
  }
  const derived = (what: string) =>
    Buffer.from(hkdfSync('sha256', bytes, '', `anneal bus ${what} 1`, 32));
  return {
    issuer: keyPair(prefix.account, derived('issuer')),
    responder: keyPair(prefix.user, derived('responder')),
    store: keyPair(prefix.user, derived('store')),
    counter: keyPair(prefix.user, derived('counter')),
  };
}

function keyPair(role: number, raw: Buffer): KeyPair {
  const body = Buffer.concat([Buffer.from([prefix.seed | (role >> 5), (role & 31) << 3]), raw]);
  const check = Buffer.alloc(2);
  check.writeUInt16LE(crc16(body));
  return nkeys.fromSeed(Buffer.from(base32(Buffer.concat([body, check]))));
}

/** The polynomial x^16 + x^12 + x^5 + 1, as nkeys uses it. */
function crc16(bytes: Buffer): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
    crc &= 0xffff;
  }
  return crc;
}

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

function base32(bytes: Buffer): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  return (bits.match(/.{1,5}/g) ?? [])
    .map((five) => letters[Number.parseInt(five.padEnd(5, '0'), 2)])
    .join('');
}

/** A token that NATS believes: JSON and a signature of it, in its own variant of JWT. */
export function signedClaims(claims: Readonly<Record<string, unknown>>, by: KeyPair): string {
  const coded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const jti = createHash('sha256').update(JSON.stringify(claims)).digest('hex');
  const body = [
    coded({ typ: 'JWT', alg: 'ed25519-nkey' }),
    coded({ ...claims, jti, iss: by.getPublicKey() }),
  ].join('.');
  return `${body}.${Buffer.from(by.sign(Buffer.from(body))).toString('base64url')}`;
}
