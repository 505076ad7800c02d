// The role `submit`: what a client trained in a round, for the hub. It reads the last checkpoint of
// the run; of the client's records it says how many there are, under differential privacy the
// number that is public anyway.
import { join } from 'node:path';
import { Bug } from '../../crds/failures/errors.ts';
import {
  type FederatedRun,
  federationFiles,
  privacyAccount,
  type RoundSubmit,
  recordName,
  roundSubmit,
} from '../../crds/wire/federation.ts';
import { preparedRecord, runFiles, runRecord, trainedRecord } from '../../crds/wire/run-folder.ts';
import { verifyCheckpoint } from '../checkpoint/folder.ts';
import { putObject } from '../checkpoint/objects.ts';
import { openSafetensors } from '../files/safetensors.ts';
import type { Role } from '../role.ts';
import { requireRecord } from '../run-folder.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { epsilonOf } from './privacy-account.ts';
import { accountFolder, digestOfState, federatedOf, recordsIn } from './round-files.ts';

export const submitRole: Role = async ({ folder }) => {
  const run = await requireRecord(folder, runFiles.run, runRecord);
  const prepared = await requireRecord(folder, runFiles.prepared, preparedRecord);
  const { checkpoint } = await requireRecord(folder, runFiles.trained, trainedRecord);
  const federated = federatedOf(run);
  const { root, round, epoch, client, begins, records } = federated;
  if (client === undefined) throw new Bug('the hub submits nothing');
  const manifest = await verifyCheckpoint(checkpoint);
  const tensors = new Map<string, Tensor>();
  // States of the optimizer have a # in their names, and stay with the client.
  for (const { name, file } of manifest.tensors.filter((one) => !one.name.includes('#'))) {
    using open = openSafetensors(join(checkpoint, file));
    tensors.set(name, open.load(name));
  }
  const object = await putObject(root, tensors);
  scope(() => {
    for (const tensor of tensors.values()) tensor.dispose();
  });
  await recordsIn(root).write(recordName.submit(round, client), roundSubmit, {
    ...{ round, client, epoch, object, base: prepared.model.digest },
    ...{ state: digestOfState(begins), samples: records ?? prepared.data.samples },
    ...(await spentBy(federated)),
  });
};

async function spentBy(federated: FederatedRun): Promise<Pick<RoundSubmit, 'privacy'>> {
  const { privacy } = federated;
  if (privacy === undefined) return {};
  const { account } = federationFiles;
  const { spent } = await requireRecord(accountFolder(federated), account, privacyAccount);
  const { delta, rate } = privacy;
  return {
    privacy: {
      ...{ epsilon: epsilonOf(spent, delta), delta, rate, noise: spent.at(-1)?.noise ?? 0 },
      steps: spent.reduce((sum, one) => sum + one.steps, 0),
    },
  };
}
