import test from 'ava';
import { uploadTargets } from '../../../worker/remote/upload-targets.ts';
import { aSpec, type Changes } from '../../builders/job.ts';
import { testEnvironment } from '../../doubles/sources.ts';

const here = testEnvironment('/cache', {
  hubEndpoint: 'https://hub.example.com',
  hubToken: { value: 'hf_here', name: 'HF_TOKEN' },
  bucketCredentials: {
    value: { accessKeyId: 'here', secretAccessKey: 'hidden' },
    name: 'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
  },
});
const inPod = testEnvironment('/cache', {
  secret: (name, key) => `${name}/${key}`,
});
const push = { repository: 'owner/name' };
const spec = (changes: Changes) => aSpec(changes);

test('a job with a folder alone uploads nothing', (t) => {
  t.deepEqual(uploadTargets(spec({}), here), { bucket: undefined, hub: undefined });
});

test('a pod takes what its Secrets hold, this machine what the person has', (t) => {
  const job = spec({
    'output.destination': {
      s3: { uri: 's3://results/first/', credentialsSecretRef: { name: 'store' } },
    },
    'output.pushToHub': { ...push, tokenSecretRef: { name: 'hub', key: 'write' } },
  });
  const pod = uploadTargets(job, inPod);
  t.is(pod.bucket?.uri, 's3://results/first', 'no key gets an empty folder in its middle');
  t.is(pod.bucket?.credentials?.accessKeyId, 'store/AWS_ACCESS_KEY_ID');
  t.is(pod.bucket?.credentialsName, 'the keys of Secret store');
  t.is(pod.hub?.token, 'hub/write');
  t.is(pod.hub?.tokenName, 'Secret hub, key write');
  const own = uploadTargets(job, here);
  t.is(own.bucket?.credentials?.accessKeyId, 'here');
  t.is(own.hub?.token, 'hf_here');
  t.is(own.hub?.endpoint, 'https://hub.example.com');
});

test('a new repository is private unless the job says else', (t) => {
  t.is(uploadTargets(spec({ 'output.pushToHub': push }), here).hub?.visibility, 'private');
  const open = { ...push, visibility: 'Public' };
  t.is(uploadTargets(spec({ 'output.pushToHub': open }), here).hub?.visibility, 'public');
});

test('a hub without any token is refused before anything is written', (t) => {
  const none = testEnvironment('/cache', {});
  t.throws(() => uploadTargets(spec({ 'output.pushToHub': push }), none), {
    code: 'E_HUB_UNAUTHORIZED',
    message: 'owner/name needs a token that may write, and none is set',
  });
});
