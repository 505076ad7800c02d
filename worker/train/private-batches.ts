// Batches and noise of a client under differential privacy. Every draw follows from the client's
// secret key, the attempt and the position, so a run that resumes draws the same again.
import { UserError } from '../../crds/failures/errors.ts';
import { federationFiles, type PrivateSteps, privateSteps } from '../../crds/wire/federation.ts';
import type { RunRecord } from '../../crds/wire/run-folder.ts';
import type { Feed } from '../data/feed.ts';
import { sampledRecords } from '../data/record-sample.ts';
import { requireRecord } from '../run-folder.ts';
import { type Stream, streamOf } from '../tensor/streams.ts';
import type { TrainerParts } from './parts.ts';

/** Nothing where the run is not private. */
export async function privateBatches(
  folder: string,
  { federated }: RunRecord,
  feed: Feed,
): Promise<Pick<TrainerParts, 'batch' | 'privacy'> | null> {
  if (federated?.privacy === undefined) return null;
  const steps = await requireRecord(folder, federationFiles.privateSteps, privateSteps);
  const { clip, noise, rate, batch } = steps;
  if (feed.textTokens > 0) throw comparedRecords();
  const { documents, members } = feed.training;
  return {
    batch: (position) => ({
      ...sampledRecords(documents, members, rate, privateStream(steps, 'privacy sample', position)),
      epoch: position * rate,
    }),
    privacy: (position) => ({
      ...{ clip, noise, batch },
      stream: (name) => privateStream(steps, 'privacy noise', position, name),
    }),
  };
}

/** Texts of classes belong to no record; what is compared with them is not tried so. */
function comparedRecords(): UserError {
  return new UserError({
    code: 'E_NOT_BUILT',
    path: 'spec.model.task',
    message:
      'spec.model.task is ContrastiveImageText, which is not tried under differential privacy of records in this version',
    hint: 'take a model that gives pictures a class, or federate without privacy',
  });
}

function privateStream(
  { key, attempt }: Pick<PrivateSteps, 'key' | 'attempt'>,
  purpose: string,
  ...parts: readonly (string | number)[]
): Stream {
  const [first, second] = [key.slice(0, 16), key.slice(16)].map((half) => BigInt(`0x${half}`));
  return streamOf(first ?? 0n, purpose, second ?? 0n, attempt, ...parts);
}
