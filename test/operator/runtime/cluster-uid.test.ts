import test from 'ava';
import { clusterUid } from '../../../operator/runtime/cluster-uid.ts';

const never = new AbortController().signal;

test('the cluster is asked for its name until it answers, and once', async (t) => {
  let asked = 0;
  const answers = [new Error('away'), { metadata: { uid: 'a.b' } }, { metadata: { uid: 'c-1' } }];
  const send = async ({ path }: { path: string }) => {
    t.is(path, '/api/v1/namespaces/kube-system');
    const answer = answers[asked++];
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const cluster = clusterUid({ send }, never);
  await t.throwsAsync(cluster(), { message: /kube-system.*cannot be read: away/ });
  await t.throwsAsync(cluster(), undefined, 'a dot would be two words of a key');
  t.is(await cluster(), 'c-1');
  t.is(await cluster(), 'c-1');
  t.is(asked, 3);
});
