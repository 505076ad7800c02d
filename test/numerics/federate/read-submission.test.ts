// Objects that a client named by their own digest, and that hold something else than its factors.
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test from 'ava';
import { objectPath, putObject } from '../../../worker/checkpoint/objects.ts';
import { matrix } from '../../../worker/federate/matrix.ts';
import { readSubmission } from '../../../worker/federate/read-submission.ts';
import { refusalOf } from '../../../worker/federate/submission.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { tensor } from '../../../worker/tensor/tensor.ts';

const root = await mkdtemp(join(tmpdir(), 'anneal-submission-'));
test.after.always(() => rm(root, { recursive: true }));

const [base, state] = ['a', 'b'].map((one) => one.repeat(64)) as [string, string];
const beginning = new Map([['q', matrix(2, 1, [1, 1])]]);

/** Why the object of the digest is refused; null where it is used. */
function refusal(digest: string): string | null {
  const round = { round: 1, epoch: 1, base, state };
  const sent = { ...round, client: 'north', object: { digest, bytes: 8 }, samples: 4 };
  const read = readSubmission(root, sent, digest, beginning);
  return refusalOf(read, { ...round, shapes: new Map([['q', [2, 1]]]), maxNorm: 2.5 });
}

async function ofBytes(bytes: Uint8Array): Promise<string> {
  const digest = createHash('sha256').update(bytes).digest('hex');
  const path = objectPath(root, digest);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, bytes);
  return digest;
}

const ofValues = async (values: readonly number[], dtype: 'float32' | 'float16') => {
  using made = scope(() => tensor(values, [2, 1], dtype));
  return (await putObject(root, new Map([['q', made]]))).digest;
};

test('what is sent is used where it has the factors, and refused in a sentence where it has not', async (t) => {
  t.is(refusal(await ofValues([2, 3], 'float32')), null);
  t.regex(refusal(await ofValues([2, 4], 'float32')) ?? '', /norm 3.162; maxNorm is 2.5/);
  t.regex(refusal(await ofValues([2, Number.NaN], 'float32')) ?? '', /q has a value that is not/);
  t.regex(refusal(await ofValues([2, 3], 'float16')) ?? '', /q is F16; it must be float32/);
});

test('bytes that are no file of tensors refuse their client, and end no round', async (t) => {
  for (const bytes of [Buffer.from('no tensors'), Buffer.alloc(0), Buffer.alloc(64, 0xff)]) {
    t.regex(refusal(await ofBytes(bytes)) ?? '', /^its object is no file of tensors: /);
  }
});

test('a type that nothing here reads is refused by its name', async (t) => {
  const header = JSON.stringify({ q: { dtype: 'F4', shape: [2, 1], data_offsets: [0, 1] } });
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const bytes = Buffer.concat([length, Buffer.from(header), Buffer.alloc(1)]);
  t.is(refusal(await ofBytes(bytes)), 'q is F4; it must be float32');
});
