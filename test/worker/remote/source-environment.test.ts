import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { sourceEnvironment } from '../../../worker/remote/source-environment.ts';
import { temporaryFolder, testNetwork } from '../../doubles/sources.ts';

async function from(variables: Record<string, string>) {
  const facts = { cache: '/cache', jobFolder: '/job', network: testNetwork(), report: () => {} };
  return sourceEnvironment({ ...facts, variables });
}

test('Variables of other tools are understood', async (t) => {
  const environment = await from({
    HF_ENDPOINT: 'http://127.0.0.1:1/',
    HF_TOKEN: ' hf_x\n',
    HF_HUB_OFFLINE: '1',
    AWS_ACCESS_KEY_ID: 'id',
    AWS_SECRET_ACCESS_KEY: 'secret',
    AWS_REGION: 'eu-central-1',
  });
  t.is(environment.hubEndpoint, 'http://127.0.0.1:1');
  t.deepEqual(environment.hubToken, { value: 'hf_x', name: 'HF_TOKEN' });
  t.true(environment.offline);
  t.deepEqual(environment.bucketCredentials?.value, {
    accessKeyId: 'id',
    secretAccessKey: 'secret',
  });
  t.is(environment.region, 'eu-central-1');
});

test('Nothing set means the public hub without a token', async (t) => {
  const environment = await from({ ANNEAL_OFFLINE: '0' });
  t.is(environment.hubEndpoint, 'https://huggingface.co');
  t.is(environment.hubToken, undefined);
  t.is(environment.bucketCredentials, undefined);
  t.false(environment.offline);
});

test('The token of a login on this machine is used and named by its file', async (t) => {
  await using home = await temporaryFolder();
  const folder = join(home.path, '.cache', 'huggingface');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'token'), 'hf_login\n');
  const { hubToken } = await from({ HOME: home.path });
  t.deepEqual(hubToken, { value: 'hf_login', name: `the token in ${join(folder, 'token')}` });
});
