// The role `reserve`: before a client trains in a round under differential privacy, it puts the
// steps of the round on its account, or refuses. What leaves a client is what the last step of a
// round made, so the account is an upper bound.
//
// Steps count when they are reserved, whether they are taken or not. An attempt that begins again
// after a kill has the same job, state, data and noise: it computes the same bits, tells nothing
// new, and is not counted twice. Anything else is another attempt: it is counted, and its number
// names other noise, since two results with the same noise would tell their difference without it.
import { randomBytes } from 'node:crypto';
import { Bug, TerminalError } from '../../crds/failures/errors.ts';
import { digestOf } from '../../crds/plan/digest.ts';
import {
  federationFiles,
  type PrivacyAccount,
  type PrivateRun,
  privacyAccount,
  privateSteps,
} from '../../crds/wire/federation.ts';
import { preparedRecord, runFiles, runRecord } from '../../crds/wire/run-folder.ts';
import type { Role } from '../role.ts';
import { readRecord, requireRecord, writeRecord } from '../run-folder.ts';
import { epsilonOf, noiseFor } from './privacy-account.ts';
import { accountFolder, federatedOf } from './round-files.ts';

export const reserveRole: Role = async ({ folder }) => {
  const run = await requireRecord(folder, runFiles.run, runRecord);
  const prepared = await requireRecord(folder, runFiles.prepared, preparedRecord);
  const federated = federatedOf(run);
  const { privacy, round, client } = federated;
  if (privacy === undefined || client === undefined) throw new Bug('nothing is reserved here');
  const place = accountFolder(federated);
  const before =
    (await readRecord(place, federationFiles.account, privacyAccount)) ??
    newAccount(privacy, client);
  const attempt = digestOf({ round, job: run.digest, data: prepared.data.digest });
  const { account, number } = reserved(before, privacy, { round, attempt });
  if (account !== before) {
    await writeRecord(place, federationFiles.account, privacyAccount, account);
  }
  const noise = account.spent[number]?.noise ?? Number.NaN;
  const { clip, rate, batch } = privacy;
  const steps = { clip, noise, rate, batch, key: account.key, attempt: number };
  await writeRecord(folder, federationFiles.privateSteps, privateSteps, steps);
};

function newAccount({ testSeed }: PrivateRun, client: string): PrivacyAccount {
  const key =
    testSeed === undefined
      ? randomBytes(16).toString('hex')
      : digestOf({ testSeed, client }).slice(0, 32);
  return { version: 1, key, spent: [] };
}

interface Reservation {
  readonly account: PrivacyAccount;
  /** Of the attempt. */
  readonly number: number;
}

/** The account with the attempt on it; throws where that is more than the client allows. Pure. */
export function reserved(
  account: PrivacyAccount,
  privacy: PrivateRun,
  { round, attempt }: Pick<PrivacyAccount['spent'][number], 'round' | 'attempt'>,
): Reservation {
  const known = account.spent.findIndex((one) => one.attempt === attempt);
  if (known >= 0) return { account, number: known };
  const { rate, steps, delta, maxEpsilon } = privacy;
  const next = { round, attempt, rate, steps, noise: noiseOf(privacy) };
  const spent = [...account.spent, next];
  const epsilon = epsilonOf(spent, delta);
  if (maxEpsilon !== undefined && epsilon > maxEpsilon) {
    const already = account.spent.length === 0 ? 0 : epsilonOf(account.spent, delta);
    throw new TerminalError({
      code: 'E_PRIVACY_SPENT',
      message: `round ${round} would bring its epsilon from ${already.toPrecision(3)} to ${epsilon.toPrecision(3)}; its maxEpsilon is ${maxEpsilon}`,
    });
  }
  return { account: { ...account, spent }, number: account.spent.length };
}

/** As a multiple of the clip: as the federation says, or what its target needs of all rounds. */
export function noiseOf({ noise, targetEpsilon, rate, rounds, steps, delta }: PrivateRun): number {
  if (noise !== undefined) return noise;
  if (targetEpsilon === undefined) throw new Bug('neither noise nor a target is given');
  return noiseFor({ rate, steps: rounds * steps }, targetEpsilon, delta);
}
