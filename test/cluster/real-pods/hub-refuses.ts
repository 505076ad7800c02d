// What a hub answers when it does not give the model: each refusal ends its job in the words of the
// hub's answer, and an answer that will pass is waited out. Three jobs in one namespace, at the
// same time.
import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { parse, stringify } from 'yaml';
import { changed } from '../../builders/job.ts';
import { eventually } from '../../doubles/eventually.ts';
import { writeToyJob } from '../../toy/toy-job.ts';
import { is, messageOf } from '../a-job.ts';
import { statusOf, untilComplete } from '../a-real-job.ts';
import { kubectl } from '../access.ts';
import { test } from '../our-cluster.ts';
import { aSharedFolder } from '../shared-folder.ts';
import type { SharedRelease } from '../shared-release.ts';
import { aSecret, bridge, filesOf, type PlacesElsewhere, tokens } from './places.ts';

export function jobsThatTheHubRefuses(release: SharedRelease, places: PlacesElsewhere): void {
  test(
    'a hub that answers 401 or 404 fails the job in words, and one that answers 503 is waited for',
    release.turn((t, namespace) => refused(t, namespace, places)),
  );
}

async function refused(
  t: ExecutionContext,
  namespace: string,
  { hub }: PlacesElsewhere,
): Promise<void> {
  const folder = await aSharedFolder(namespace, 'toy');
  const { file } = await writeToyJob(folder, {
    ...{ name: 'toy', claim: 'toy', method: { preset: 'LoRA' }, formats: ['PEFTAdapter'] },
    ...{ training: { maxSteps: 2 }, worker: { devicesPerWorker: 0 } },
  });
  await chmod(join(folder, 'out'), 0o777);
  hub.add({ name: 'owner/busy', files: await filesOf(join(folder, 'model')) });
  hub.faults.plan('/owner/busy/revision/main', { type: 'Status', status: 503 }, 3);
  await aSecret(namespace, 'known', { token: tokens.read });
  await aSecret(namespace, 'unknown', { token: 'never-issued' });
  const document = parse(await readFile(file, 'utf8'));
  const apply = async (name: string, repository: string, secret: string) => {
    const job = changed(document, {
      'metadata.name': name,
      'spec.model.source': {
        huggingFace: { repository, tokenSecretRef: { name: secret, key: 'token' } },
      },
      'spec.storage': { data: { persistentVolumeClaim: { claimName: 'toy' } } },
      'spec.network': { egressCIDRs: [`${bridge().address}/32`] },
    });
    await kubectl(['-n', namespace, 'apply', '-f', '-'], { input: stringify(job) });
  };
  await apply('unauthorized', 'owner/busy', 'unknown');
  await apply('not-there', 'owner/nowhere', 'known');
  await apply('busy', 'owner/busy', 'known');

  const host = new URL(hub.endpoint).host;
  await failsWith(t, namespace, 'unauthorized', {
    ...{ code: 'E_HUB_UNAUTHORIZED', reason: 'HubUnauthorized', exitCode: 77 },
    words: `Secret unknown, key token is not accepted by ${host} for owner/busy`,
  });
  await failsWith(t, namespace, 'not-there', {
    ...{ code: 'E_SOURCE_NOT_FOUND', reason: 'SourceNotFound', exitCode: 66 },
    words: `model owner/nowhere does not exist on ${host}, or Secret known, key token may not see it`,
  });
  await untilComplete(t, namespace, 'busy');
  t.false(hub.faults.isPlanned('/owner/busy/revision/main'), 'all three times were used up');
}

interface Expected {
  readonly code: string;
  readonly reason: string;
  readonly exitCode: number;
  readonly words: string;
}

async function failsWith(
  t: ExecutionContext,
  namespace: string,
  name: string,
  { words, ...expected }: Expected,
): Promise<void> {
  const failed = async () => (await statusOf(namespace, name)).phase === 'Failed';
  await eventually(`${name} has failed`, failed, { withinMs: 240_000, everyMs: 500 });
  const status = await statusOf(namespace, name);
  t.log(JSON.stringify(status.failure));
  t.like(status.failure, expected);
  t.is(is(status, 'Failed'), `True/${expected.reason}`);
  t.true(messageOf(status, 'Failed').includes(words), messageOf(status, 'Failed'));
}
