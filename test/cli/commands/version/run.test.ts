import test from 'ava';
import { programVersion } from '../../../../crds/names/version.ts';
import type { Answer, Asked } from '../../../doubles/kube/server.ts';
import { aCluster } from '../../cluster.ts';

const running =
  (tag: string) =>
  ({ path }: Asked): Answer | undefined => {
    if (path === '/version') return { status: 200, body: { gitVersion: 'v1.37.0' } };
    if (path.includes('/customresourcedefinitions/')) {
      const versions = [
        { name: 'v1alpha1', served: true },
        { name: 'v0', served: false },
      ];
      return { status: 200, body: { spec: { versions } } };
    }
    if (!path.endsWith('/deployments')) return undefined;
    const env = [{ name: 'ANNEAL_WORKER_IMAGE', value: 'registry:5000/anneal-worker:0.1.0' }];
    const containers = [{ image: `registry:5000/anneal-operator:${tag}`, env }];
    return { status: 200, body: { items: [{ spec: { template: { spec: { containers } } } }] } };
  };

test('version tells what runs in the cluster, and warns where it is far from this program', async (t) => {
  await using cluster = await aCluster();
  cluster.server.intercept = running(programVersion);
  const { out, code } = await cluster.anneal('version');
  t.is(code, 0);
  t.regex(out, /cluster +v1\.37\.0, context prod\ndefinition +anneal\.dev\/v1alpha1\n/);
  t.regex(out, /operator +registry:5000\/anneal-operator:0\.1\.0\nworker +\S+worker:0\.1\.0\n$/);
  cluster.server.intercept = running('0.4.2');
  t.regex(
    (await cluster.anneal('version')).out,
    /\nwarning: the operator is 0\.4\.2, this program /,
  );
  const { cluster: seen } = JSON.parse((await cluster.anneal('version', '-o', 'json')).out);
  t.is(seen.operator, 'registry:5000/anneal-operator:0.4.2');
});

test('--client asks nobody, and a cluster that does not answer keeps nobody from the rest', async (t) => {
  await using cluster = await aCluster();
  t.notRegex((await cluster.anneal('version', '--client')).out, /cluster/);
  t.is(cluster.server.seen.length, 0);
  cluster.server.intercept = () => ({ type: 'Lost' });
  const { out, code } = await cluster.anneal('version');
  t.is(code, 0);
  t.regex(out, /^program +\S+\n[\s\S]*cluster +the API server at SERVER does not answer/);
});
